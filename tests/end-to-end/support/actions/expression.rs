// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! GitHub's expressions, as far as the workflows here use them. What is not known is a failure
//! of the test, never an empty text.

use serde_json::{Value, json};

/// What an expression may refer to.
#[derive(Debug, Clone)]
pub struct Context {
    /// By the first word: `inputs`, `secrets`, `vars`, `env`, `github`, `matrix`, `needs`,
    /// `runner`, `steps`.
    pub values: serde_json::Map<String, Value>,
    /// Whether a step before this one failed.
    pub has_failed: bool,
}

/// A text with its `${{ … }}` replaced.
pub fn text(template: &str, context: &Context) -> String {
    let mut result = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").unwrap();
        result.push_str(before);
        result.push_str(&as_text(&value(expression, context)));
        rest = after;
    }
    result + rest
}

/// A value: of the expression when there is nothing beside it, else the text.
pub fn any(template: &str, context: &Context) -> Value {
    let inside = template.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    match inside {
        Some(expression) if !expression.contains("${{") => value(expression, context),
        _ => json!(text(template, context)),
    }
}

/// Whether a step with this `if` is done. One that does not ask how the others went is not
/// done after a failure.
pub fn is_done(condition: Option<&str>, context: &Context) -> bool {
    let Some(condition) = condition else { return !context.has_failed };
    let asks = ["always()", "cancelled()", "failure()", "success()"];
    let is_asked = asks.iter().any(|function| condition.contains(function));
    (is_asked || !context.has_failed) && is_true(&any(condition, context))
}

/// What an expression is.
pub fn value(expression: &str, context: &Context) -> Value {
    let mut parser = Parser { tokens: tokens(expression), next: 0, context };
    let value = parser.or();
    assert_eq!(parser.next, parser.tokens.len(), "not understood: {expression}");
    value
}

pub fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_true(value: &Value) -> bool {
    !matches!(as_text(value).as_str(), "" | "false" | "0")
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A name with its dots, or a function.
    Word(String),
    Text(String),
    Sign(&'static str),
}

fn tokens(expression: &str) -> Vec<Token> {
    const SIGNS: [&str; 8] = ["==", "!=", "&&", "||", "!", "(", ")", ","];
    let mut tokens = Vec::new();
    let mut rest = expression.trim();
    while !rest.is_empty() {
        let (token, length) = if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign))
        {
            (Token::Sign(sign), sign.len())
        } else if let Some(inside) = rest.strip_prefix('\'') {
            let end = inside.find('\'').unwrap();
            assert!(!inside[end + 1..].starts_with('\''), "not understood: {expression}");
            (Token::Text(inside[..end].into()), end + 2)
        } else {
            let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            assert!(end > 0, "not understood: {expression}");
            (Token::Word(rest[..end].into()), end)
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    tokens
}

struct Parser<'a> {
    tokens: Vec<Token>,
    next: usize,
    context: &'a Context,
}

impl Parser<'_> {
    fn takes(&mut self, sign: &'static str) -> bool {
        let found = self.tokens.get(self.next) == Some(&Token::Sign(sign));
        self.next += usize::from(found);
        found
    }

    /// Both sides are evaluated: nothing here has an effect.
    fn or(&mut self) -> Value {
        let mut left = self.and();
        while self.takes("||") {
            let right = self.and();
            left = if is_true(&left) { left } else { right };
        }
        left
    }

    fn and(&mut self) -> Value {
        let mut left = self.comparison();
        while self.takes("&&") {
            let right = self.comparison();
            left = if is_true(&left) { right } else { left };
        }
        left
    }

    /// Texts are equal whatever their case.
    fn comparison(&mut self) -> Value {
        let left = self.single();
        let is_equal = if self.takes("==") {
            true
        } else if self.takes("!=") {
            false
        } else {
            return left;
        };
        let right = self.single();
        json!(as_text(&left).eq_ignore_ascii_case(&as_text(&right)) == is_equal)
    }

    fn single(&mut self) -> Value {
        if self.takes("!") {
            let inner = self.single();
            return json!(!is_true(&inner));
        }
        if self.takes("(") {
            let inner = self.or();
            assert!(self.takes(")"));
            return inner;
        }
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        match token {
            Some(Token::Text(text)) => json!(text),
            Some(Token::Word(word)) if self.takes("(") => {
                let arguments = self.arguments();
                call(&word, &arguments, self.context)
            }
            Some(Token::Word(word)) => look_up(&word, self.context),
            other => panic!("not understood: {other:?} in {:?}", self.tokens),
        }
    }

    fn arguments(&mut self) -> Vec<Value> {
        let mut arguments = Vec::new();
        while !self.takes(")") {
            arguments.push(self.or());
            self.takes(",");
        }
        arguments
    }
}

fn call(function: &str, arguments: &[Value], context: &Context) -> Value {
    match (function, arguments) {
        ("always", []) => json!(true),
        ("cancelled", []) => json!(false),
        ("success", []) => json!(!context.has_failed),
        ("failure", []) => json!(context.has_failed),
        ("fromJSON", [text]) => serde_json::from_str(&as_text(text)).unwrap(),
        ("toJSON", [value]) => json!(value.to_string()),
        // Which files there are does not matter, only that they are named.
        ("hashFiles", [_, ..]) => json!("the-digest"),
        ("format", [template, one]) => json!(as_text(template).replace("{0}", &as_text(one))),
        _ => panic!("{function}() with {} arguments is not known here", arguments.len()),
    }
}

fn look_up(name: &str, context: &Context) -> Value {
    if let "true" | "false" = name {
        return json!(name == "true");
    }
    let mut words = name.split('.');
    let first = words.next().unwrap_or_default();
    let mut value = context.values.get(first);
    assert!(value.is_some(), "{first} of {name} is not known here");
    for word in words {
        let is_a_step_before = first != "steps" || value.is_some();
        assert!(is_a_step_before, "{name} is of no step before this one");
        value = value.and_then(|value| value.get(word));
    }
    // A repository need not have a variable, a step's variable need not be set yet, and an
    // action need not answer everything.
    let is_of_a_step = first == "steps" && name.contains(".outputs.");
    let may_be_missing = matches!(first, "vars" | "env") || is_of_a_step;
    assert!(value.is_some() || may_be_missing, "{name} is not declared");
    value.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        let values = json!({
            "inputs": {"days": "", "connection": "proxy"},
            "vars": {"ENGINE": "postgres"},
            "matrix": {"shard": "1/4"},
        });
        Context { values: values.as_object().unwrap().clone(), has_failed: false }
    }

    #[test]
    fn expressions_are_what_github_says_they_are() {
        for (template, expected) in [
            ("${{ vars.ENGINE || 'mysql' }}", "postgres"),
            ("${{ vars.NOTHING || 'mysql' }}", "mysql"),
            ("a ${{ inputs.connection }}-${{ matrix.shard }}", "a proxy-1/4"),
            ("${{ inputs.connection == 'Proxy' }}", "true"),
            ("${{ matrix.shard != '1/1' && format(' {0}', matrix.shard) || '' }}", " 1/4"),
            ("${{ inputs.days != '' && 'x' || '' }}", ""),
            ("${{ format('[{0}]', toJSON(matrix.shard)) }}", "[\"1/4\"]"),
            ("${{ !cancelled() && (inputs.days == '' || false) }}", "true"),
        ] {
            assert_eq!(text(template, &context()), expected, "{template}");
        }
        assert_eq!(any("${{ fromJSON('[\"a\"]') }}", &context()), json!(["a"]));
    }

    #[test]
    fn a_step_is_skipped_after_a_failure_unless_it_asks_for_it() {
        let mut context = context();
        assert!(is_done(None, &context));
        context.has_failed = true;
        assert!(!is_done(None, &context));
        assert!(!is_done(Some("${{ inputs.connection == 'proxy' }}"), &context));
        assert!(is_done(Some("${{ always() }}"), &context));
        assert!(is_done(Some("${{ !cancelled() && inputs.days == '' }}"), &context));
        assert!(!is_done(Some("${{ always() && inputs.days != '' }}"), &context));
    }

    #[test]
    #[should_panic(expected = "inputs.nothing is not declared")]
    fn what_is_not_declared_is_a_failure() {
        text("${{ inputs.nothing }}", &context());
    }

    #[test]
    #[should_panic(expected = "startsWith() with 2 arguments is not known here")]
    fn what_is_not_known_is_a_failure() {
        text("${{ startsWith(inputs.days, 'a') }}", &context());
    }
}
