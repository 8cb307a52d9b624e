// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Takes known secrets out of what is about to be seen.
//!
//! A service may echo the credential in an error message. What a plugin, a recording and a log
//! get of an answer has gone through here first. A secret is found as it is, and as JSON, a URL,
//! HTML, base64, hexadecimal digits and basic authentication spell it; not where a service has cut
//! it up, encoded it together with something else or changed its case, and not where it is shorter
//! than six characters. A header whose name holds a secret is left out.

use std::borrow::Cow;
use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::{Credential, Secret};

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// Shorter secrets are left alone: `test` or `12345` as a secret would tear up every text
/// that contains it by chance, and protects nothing.
const SHORTEST: usize = 6;

/// Knows secrets and replaces them.
#[derive(Clone, Default)]
pub struct Redactor {
    spellings: Vec<Secret>,
    /// Finds them. None where there are none, or where they are more than it bears.
    automaton: Option<AhoCorasick>,
    /// The same for names of headers, which come in small letters, whatever was sent.
    names: Option<AhoCorasick>,
}

impl Redactor {
    /// Learns the secret of a credential, also in the form in which basic authentication
    /// sends it.
    pub fn add_credential(&mut self, credential: &Credential) {
        for secret in credential.secrets() {
            self.add(secret);
        }
    }

    /// Learns a secret, and how others would spell it. One of fewer than six characters is not
    /// remembered.
    pub fn add(&mut self, secret: &Secret) {
        if secret.expose().len() < SHORTEST {
            return;
        }
        self.spellings.extend(spellings(secret.expose()).into_iter().map(Secret::new));
        let spellings: Vec<&str> = self.spellings.iter().map(Secret::expose).collect();
        self.automaton = automaton(&spellings);
        self.names = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&spellings)
            .ok();
    }

    /// `text` with every known secret replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes()) {
            None => Cow::Borrowed(text),
            // A spelling begins and ends where a character does.
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// How many bytes a body has once every known secret is replaced; `None` when it holds none.
    pub(crate) fn redacted_size(&self, bytes: &[u8]) -> Option<usize> {
        if self.spellings.is_empty() {
            return None;
        }
        let Some(automaton) = &self.automaton else { return Some(REDACTED.len()) };
        let found = automaton.find_iter(bytes).map(|secret| (1, secret.len()));
        let (count, taken) = found.reduce(|(n, all), (one, bytes)| (n + one, all + bytes))?;
        Some(bytes.len() - taken + count * REDACTED.len())
    }

    /// The same for a body, whatever its encoding; `None` when nothing was found.
    fn redact_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.redacted_size(bytes).map(|size| self.replaced(bytes, size))
    }

    /// A body that holds a secret and has this size without.
    fn replaced(&self, bytes: &[u8], size: usize) -> Vec<u8> {
        let Some(automaton) = &self.automaton else { return REDACTED.into() };
        let mut redacted = Vec::with_capacity(size);
        automaton.replace_all_with_bytes(bytes, &mut redacted, |_, _, redacted| {
            redacted.extend_from_slice(REDACTED.as_bytes());
            true
        });
        redacted
    }

    /// An answer with every known secret replaced in headers and body, which has `size` then as
    /// [`Redactor::redacted_size`] told it.
    pub(crate) fn redact_response(
        &self,
        response: Response<Bytes>,
        size: Option<usize>,
    ) -> Response<Bytes> {
        if self.spellings.is_empty() {
            return response;
        }
        let (mut parts, mut body) = response.into_parts();
        self.redact_headers(&mut parts.headers);
        if let Some(size) = size {
            body = self.replaced(&body, size).into();
            if parts.headers.contains_key(header::CONTENT_LENGTH) {
                parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
            }
        }
        Response::from_parts(parts, body)
    }

    fn redact_headers(&self, headers: &mut HeaderMap) {
        let is_in = |name: &&HeaderName| {
            self.names.as_ref().is_none_or(|names| names.is_match(name.as_str()))
        };
        let named: Vec<HeaderName> = headers.keys().filter(is_in).cloned().collect();
        for name in named {
            headers.remove(name);
        }
        for value in headers.values_mut() {
            if let Some(redacted) = self.redact_bytes(value.as_bytes()) {
                *value = HeaderValue::from_bytes(&redacted)
                    .unwrap_or_else(|_| HeaderValue::from_static(REDACTED));
            }
        }
    }
}

impl fmt::Debug for Redactor {
    /// Without the automaton, which shows what it looks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("spellings", &self.spellings).finish_non_exhaustive()
    }
}

/// The most bytes of texts that are looked for by a table of all steps, which has hundreds of times
/// their size and takes as long to make: minutes for a secret of four kilobytes.
const IN_A_TABLE: usize = 16 << 10;

/// Finds the longest of these texts, so that one within another does not leave a part of it. None
/// where they are more than it bears.
pub(crate) fn automaton<T: AsRef<[u8]>>(texts: &[T]) -> Option<AhoCorasick> {
    let bytes: usize = texts.iter().map(|text| text.as_ref().len()).sum();
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .kind((bytes > IN_A_TABLE).then_some(AhoCorasickKind::ContiguousNFA))
        .build(texts)
        .ok()
}

/// How a text stands in JSON and in URLs as the common encoders write them, itself included.
pub(crate) fn common_spellings(text: &str) -> Vec<String> {
    let mut all = in_json(text);
    all.push(text.to_owned());
    let urls = in_urls(text);
    all.extend(urls.iter().map(|url| small_escapes(url)));
    all.extend(urls);
    all.sort();
    all.dedup();
    all
}

/// How a text stands where it may be seen, itself included:
///
/// - in a JSON string, with and without the `\/` that PHP writes, where the characters beyond ASCII
///   are escaped (Python, PHP), those that mean something in HTML (Go: `<>&`; .NET: `"'+` and the
///   backquote as well), or all;
/// - in a query and in a path, with [what the common encoders leave alone](UNESCAPED) or with every
///   byte escaped, in capital and small letters;
/// - in HTML, as [the common libraries escape it](HTML), and by its characters' numbers;
/// - in base64, its form for URLs included, and in hexadecimal digits.
pub(crate) fn spellings(text: &str) -> Vec<String> {
    let hexadecimal: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let every_byte: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut urls = in_urls(text);
    urls.push(every_byte);
    let numbers = |number: fn(u32) -> String| text.chars().map(|c| number(c.into())).collect();
    let mut all = vec![
        text.to_owned(),
        escaped(text, |_| true, lower),
        escaped(text, |_| true, upper),
        numbers(|number| format!("&#{number};")),
        numbers(|number| format!("&#x{number:x};")),
        numbers(|number| format!("&#x{number:X};")),
        STANDARD_NO_PAD.encode(text),
        URL_SAFE_NO_PAD.encode(text),
        hexadecimal.to_ascii_uppercase(),
        hexadecimal,
    ];
    all.extend(in_json(text));
    all.extend(urls.iter().map(|url| small_escapes(url)));
    all.extend(urls);
    all.extend(HTML.iter().map(|escapes| html(text, escapes)));
    all.sort();
    all.dedup();
    all
}

fn in_json(text: &str) -> Vec<String> {
    let json = text.replace('\\', "\\\\").replace('"', "\\\"");
    let php = json.replace('/', "\\/");
    let is_beyond = |c: char| !c.is_ascii();
    let is_gos = |c: char| "<>&\u{2028}\u{2029}".contains(c);
    let is_nets = |c: char| is_beyond(c) || "<>&\"'+`".contains(c);
    vec![
        escaped(&json, is_beyond, lower),
        escaped(&php, is_beyond, lower),
        escaped(&json, is_gos, lower),
        escaped(&text.replace('\\', "\\\\"), is_nets, upper),
        json,
        php,
    ]
}

fn in_urls(text: &str) -> Vec<String> {
    let paths = UNESCAPED.iter().map(|kept| percent(text, kept));
    let queries = paths.clone().map(|path| path.replace("%20", "+"));
    paths.chain(queries).collect()
}

/// What encoders of URLs leave as it is besides letters and digits.
const UNESCAPED: [&str; 6] = [
    // Forms, Java.
    "*-._",
    // PHP's urlencode, Go.
    "-._",
    // RFC 3986, PHP's rawurlencode, Python's quote_plus.
    "-._~",
    // Python's quote.
    "-._~/",
    // JavaScript's encodeURIComponent and encodeURI.
    "-._~!*'()",
    "-._~!*'();/?:@&=+$,#",
];

fn percent(text: &str, unescaped: &str) -> String {
    let mut url = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || unescaped.as_bytes().contains(&byte) {
            url.push(byte.into());
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// What libraries escape in HTML besides `&`, `<` and `>`, and how.
const HTML: [&[(char, &str)]; 9] = [
    // Rails, Jinja.
    &[('"', "&quot;"), ('\'', "&#39;")],
    // PHP.
    &[('"', "&quot;"), ('\'', "&#039;")],
    // Python.
    &[('"', "&quot;"), ('\'', "&#x27;")],
    // Go, Jinja.
    &[('"', "&#34;"), ('\'', "&#39;")],
    // XML.
    &[('"', "&quot;"), ('\'', "&apos;")],
    // OWASP, and older versions of mustache.
    &[('"', "&quot;"), ('\'', "&#x27;"), ('/', "&#x2F;")],
    &[('"', "&quot;"), ('\'', "&#39;"), ('/', "&#x2F;")],
    // Handlebars.
    &[('"', "&quot;"), ('\'', "&#x27;"), ('`', "&#x60;"), ('=', "&#x3D;")],
    // mustache.
    &[('"', "&quot;"), ('\'', "&#39;"), ('/', "&#x2F;"), ('`', "&#x60;"), ('=', "&#x3D;")],
];

fn html(text: &str, escapes: &[(char, &str)]) -> String {
    let always = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;")];
    let mut html = String::new();
    for c in text.chars() {
        match always.iter().chain(escapes).find(|(escaped, _)| *escaped == c) {
            Some((_, escape)) => html.push_str(escape),
            None => html.push(c),
        }
    }
    html
}

/// A JSON string in which some characters are escaped.
fn escaped(json: &str, is_escaped: impl Fn(char) -> bool, escape: fn(u16) -> String) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if is_escaped(c) {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| escape(*unit)));
        } else {
            text.push(c);
        }
    }
    text
}

fn lower(unit: u16) -> String {
    format!("\\u{unit:04x}")
}

fn upper(unit: u16) -> String {
    format!("\\u{unit:04X}")
}

/// A URL with the digits of its escapes in small letters.
fn small_escapes(url: &str) -> String {
    let mut left = 0;
    let small = |c: char| {
        left = if c == '%' { 2 } else { i32::max(left - 1, -1) };
        if left >= 0 { c.to_ascii_lowercase() } else { c }
    };
    url.chars().map(small).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CredentialKind;

    fn redactor(secrets: &[&str]) -> Redactor {
        let mut redactor = Redactor::default();
        for secret in secrets {
            redactor.add(&Secret::new((*secret).to_owned()));
        }
        redactor
    }

    #[test]
    fn every_occurrence_of_every_secret_is_replaced() {
        let redactor = redactor(&["hush-hush", "hush-hush-longer"]);
        assert_eq!(
            redactor.redact("a hush-hush b hush-hush-longer c hush-hush"),
            "a [redacted] b [redacted] c [redacted]"
        );
        assert!(matches!(redactor.redact("nothing here"), Cow::Borrowed("nothing here")));
    }

    #[test]
    fn a_secret_is_known_by_its_spelling_in_json_and_in_a_url() {
        let redactor = redactor(&["hush/\"h\\sh+="]);
        for text in
            ["hush/\"h\\sh+=", r#"hush/\"h\\sh+="#, r#"hush\/\"h\\sh+="#, "hush%2F%22h%5Csh%2B%3D"]
        {
            assert_eq!(redactor.redact(text), REDACTED);
        }
    }

    #[test]
    fn a_secret_beyond_ascii_is_known_by_its_escapes() {
        let redactor = redactor(&["häsh 🐞 hush"]);
        for text in [
            "häsh 🐞 hush",
            r"h\u00e4sh \ud83d\udc1e hush",
            "h%C3%A4sh+%F0%9F%90%9E+hush",
            "h%C3%A4sh%20%F0%9F%90%9E%20hush",
        ] {
            assert_eq!(redactor.redact(text), REDACTED, "{text}");
        }
    }

    #[test]
    fn a_secret_is_known_however_it_is_escaped_or_encoded() {
        // As the named language or tool prints it.
        let secret = "p<4&\"'+/Ä>ssWort";
        let redactor = redactor(&[secret]);
        for (text, writer) in [
            (r#"p\u003c4\u0026\"'+/Ä\u003essWort"#, "Go's encoding/json"),
            (r"p\u003C4\u0026\u0022\u0027\u002B/\u00C4\u003EssWort", ".NET's System.Text.Json"),
            (r#"p<4&\"'+/\u00c4>ssWort"#, "Python's json"),
            (r#"p<4&\"'+\/\u00c4>ssWort"#, "PHP's json_encode"),
            ("p%3C4%26%22%27%2B%2F%C3%84%3EssWort", "Python's urllib.parse.quote_plus"),
            ("p%3c4%26%22%27%2b%2f%c3%84%3essWort", "the same in small letters"),
            ("p&lt;4&amp;&quot;&#x27;+/Ä&gt;ssWort", "Python's html.escape"),
            ("p&lt;4&amp;&#34;&#39;+/Ä&gt;ssWort", "Go's html.EscapeString"),
            ("p&lt;4&amp;&quot;&#039;+/Ä&gt;ssWort", "PHP's htmlspecialchars"),
            ("cDw0JiInKy/DhD5zc1dvcnQ", "base64"),
            ("cDw0JiInKy_DhD5zc1dvcnQ", "base64url"),
            ("703c342622272b2fc3843e7373576f7274", "xxd -p"),
            ("703C342622272B2FC3843E7373576F7274", "xxd -p -u"),
        ] {
            assert_eq!(redactor.redact(text), REDACTED, "{writer}");
        }
        let redactor = super::tests::redactor(&["Zx9/kQ+w3 r7p!A@b~='`"]);
        for (text, writer) in [
            ("Zx9/kQ%2Bw3%20r7p%21A%40b~%3D%27%60", "Python's quote"),
            ("Zx9%2FkQ%2Bw3+r7p%21A%40b~%3D%27%60", "Python's quote_plus"),
            ("Zx9%2FkQ%2Bw3%20r7p!A%40b~%3D'%60", "JavaScript's encodeURIComponent"),
            ("Zx9/kQ+w3%20r7p!A@b~='%60", "JavaScript's encodeURI"),
            ("Zx9%2fkQ%2bw3%20r7p%21A%40b~%3d%27%60", "RFC 3986 in small letters"),
            ("Zx9/kQ+w3 r7p!A@b~&#x3D;&#x27;&#x60;", "handlebars"),
            ("Zx9&#x2F;kQ+w3 r7p!A@b~&#x3D;&#39;&#x60;", "mustache"),
            ("Zx9&#x2F;kQ+w3 r7p!A@b~=&#x27;`", "OWASP's encoder"),
            ("Zx9/kQ+w3 r7p!A@b~=&apos;`", "XML"),
        ] {
            assert_eq!(redactor.redact(text), REDACTED, "{writer}");
        }
        let redactor = super::tests::redactor(&["hush-hush"]);
        for text in [
            r"\u0068\u0075\u0073\u0068\u002d\u0068\u0075\u0073\u0068",
            r"\u0068\u0075\u0073\u0068\u002D\u0068\u0075\u0073\u0068",
            "%68%75%73%68%2D%68%75%73%68",
            "%68%75%73%68%2d%68%75%73%68",
            "&#104;&#117;&#115;&#104;&#45;&#104;&#117;&#115;&#104;",
            "&#x68;&#x75;&#x73;&#x68;&#x2D;&#x68;&#x75;&#x73;&#x68;",
            "&#x68;&#x75;&#x73;&#x68;&#x2d;&#x68;&#x75;&#x73;&#x68;",
        ] {
            assert_eq!(redactor.redact(text), REDACTED, "{text}");
        }
    }

    #[test]
    fn secrets_that_cannot_be_looked_for_let_nothing_through() {
        let redactor = Redactor { automaton: None, ..redactor(&["hush-hush"]) };
        assert_eq!(redactor.redact("whatever it is"), REDACTED);
    }

    #[test]
    fn a_short_secret_does_not_tear_up_texts() {
        assert_eq!(redactor(&["test"]).redact("latest results"), "latest results");
    }

    #[test]
    fn the_pair_of_basic_authentication_is_a_secret_too() {
        let credential = Credential::new(
            CredentialKind::Basic { user: "u".into() },
            Secret::new("hush-hush".into()),
            "https://api.example.org",
        )
        .unwrap();
        let mut redactor = Redactor::default();
        redactor.add_credential(&credential);
        assert_eq!(
            redactor.redact("Basic dTpodXNoLWh1c2g= / hush-hush"),
            "Basic [redacted] / [redacted]"
        );
    }

    #[test]
    fn a_secret_is_found_in_a_headers_name_although_its_case_is_lost() {
        let response = Response::builder().header("x-Hush-HUSH", "1").header("x-y", "2");
        let cleaned =
            redactor(&["Hush-HUSH"]).redact_response(response.body(Bytes::new()).unwrap(), None);
        let names: Vec<&str> = cleaned.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-y"]);
    }

    #[test]
    fn an_answer_that_echoes_the_secret_is_cleaned_and_keeps_a_true_length() {
        let response = Response::builder()
            .header("x-echo", "Bearer hush-hush")
            .header("content-length", "17")
            .body(Bytes::from_static(b"\xff hush-hush \x00 hi"))
            .unwrap();
        let knows = redactor(&["hush-hush"]);
        let size = knows.redacted_size(response.body());
        let cleaned = knows.redact_response(response, size);
        assert_eq!(cleaned.headers()["x-echo"], "Bearer [redacted]");
        assert_eq!(cleaned.body().as_ref(), b"\xff [redacted] \x00 hi");
        assert_eq!(cleaned.headers()["content-length"], cleaned.body().len().to_string());
        assert!(!format!("{knows:?}").contains("hush"));
    }
}
