// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a file is made of, counted before it is compiled.
//!
//! The engine validates a component, but what it spends on doing so and on compiling is bounded
//! by nothing but the file: a few kilobytes can ask for billions of instances (a component that
//! instantiates another twice, which does so with the next, and so on), and a few megabytes of
//! the smallest functions there are cost gigabytes of memory. So the file is walked through
//! once, in one pass that keeps nothing, and refused when it has more of something than any
//! plugin needs. Each bound leaves an interpreter (CPython, SpiderMonkey) room several times
//! over.
//!
//! Custom sections need no bound of their own: the engine skips all but a core module's names,
//! reads those one by one whatever number of them is claimed, and keeps those of functions that
//! exist. They count like all that is not code or data.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Encoding, FunctionBody, Instance, Operator, Parser,
    Payload, TableSectionReader,
};

/// How deep modules and components stand in components.
const MAX_DEPTH: usize = 16;
/// Instances that setting up the component makes, those within instances included. More than
/// a hundred do not get past the store at run time anyway.
const MAX_INSTANCES: u64 = 1_000;
/// Functions of all core modules together.
const MAX_FUNCTIONS: u32 = 100_000;
/// Core modules, and their tables and memories: the engine makes an image of each when it
/// compiles, of up to a megabyte however small the file.
const MAX_EACH: u32 = 100;
/// Elements of all tables together, as they are when the plugin starts.
const MAX_TABLE_ELEMENTS: u64 = 2_000_000;
/// Types that stand in types, in one section. The parser goes down into them by recursion: a
/// few kilobytes of nothing else run out of any stack, which ends the whole program.
const MAX_TYPES_IN_TYPES: usize = 200;
/// Bytes of one function: the compiler's memory and time grow faster than a function does.
const MAX_FUNCTION_BYTES: usize = 1 << 20;
/// Variables of a function times its blocks and branches: to find out which value a variable has in
/// which block is the compiler's work, and twelve kilobytes of nothing else are minutes of it. In
/// one function (150,000 is the most in CPython, 400,000 in SpiderMonkey), and in all together (7
/// million).
const MAX_FUNCTION_FLOW: u64 = 10_000_000;
const MAX_FLOW: u64 = 100_000_000;
/// Bytes of what components declare: types, imports, exports, aliases, instances. One byte of
/// it costs the engine up to a hundred.
const MAX_COMPONENT_BYTES: usize = 4 << 20;
/// Bytes of what core modules declare, and of the names of their functions.
const MAX_MODULE_BYTES: usize = 24 << 20;

/// Why a file is refused for what it is made of.
#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    /// It cannot be parsed.
    #[error("{0}")]
    Malformed(#[from] BinaryReaderError),
    /// It has too much of something.
    #[error("it has more {what} than a plugin can have ({most})")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The bound, with its unit.
        most: String,
    },
    /// It uses a feature whose cost cannot be told beforehand.
    #[error(
        "it imports, exports or hands on a component as a value, so that what it instantiates cannot be counted"
    )]
    ComponentValues,
}

/// Counts what the file has.
///
/// # Errors
///
/// [`ShapeError`] with the first bound that is passed, or where it cannot be parsed.
pub fn check(bytes: &[u8]) -> Result<(), ShapeError> {
    let mut walk = Walk::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Payload::ComponentTypeSection(section) = &payload {
            types_in_types(bytes.get(section.range()).unwrap_or_default())?;
        }
        walk.take(payload)?;
    }
    Ok(())
}

fn bound(passed: bool, what: &'static str, most: impl ToString) -> Result<(), ShapeError> {
    if passed { Err(ShapeError::TooMuch { what, most: most.to_string() }) } else { Ok(()) }
}

/// Counts what may begin a type within a component's or an instance's type: the tag of a type's
/// declaration, and that of one of the two (`01 41`, `01 42`). Other things look like it, but
/// nothing that nests does not.
fn types_in_types(section: &[u8]) -> Result<(), ShapeError> {
    let nested = section.windows(2).filter(|pair| matches!(pair, [1, 0x41 | 0x42])).count();
    let most = MAX_TYPES_IN_TYPES;
    bound(nested > most, "levels of nested types", most)
}

/// A module or component that the walk is in.
#[derive(Default)]
struct Scope {
    is_component: bool,
    /// How many instances one instance of it makes.
    instances: u64,
    /// The same of each component that it can name, by index.
    components: Vec<u64>,
}

#[derive(Default)]
struct Walk {
    scopes: Vec<Scope>,
    functions: u32,
    modules: u32,
    memories: u32,
    tables: u32,
    table_elements: u64,
    flow: u64,
    component_bytes: usize,
    module_bytes: usize,
}

impl Walk {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), ShapeError> {
        self.weigh(&payload)?;
        match payload {
            Payload::Version { encoding, .. } => {
                let is_component = encoding == Encoding::Component;
                self.modules += u32::from(!is_component);
                bound(self.modules > MAX_EACH, "core modules", MAX_EACH)?;
                self.scopes.push(Scope { is_component, ..Scope::default() });
                bound(
                    self.scopes.len() > MAX_DEPTH,
                    "levels of nested modules and components",
                    MAX_DEPTH,
                )
            }
            Payload::End(_) => {
                self.leave();
                Ok(())
            }
            Payload::TableSection(section) => self.tables(section),
            Payload::MemorySection(section) => {
                self.memories = self.memories.saturating_add(section.count());
                bound(self.memories > MAX_EACH, "memories", MAX_EACH)
            }
            Payload::CodeSectionStart { count, .. } => {
                self.functions = self.functions.saturating_add(count);
                bound(self.functions > MAX_FUNCTIONS, "functions", MAX_FUNCTIONS)
            }
            Payload::CodeSectionEntry(body) => {
                let size = body.range().len();
                bound(
                    size > MAX_FUNCTION_BYTES,
                    "code in one function",
                    format!("{MAX_FUNCTION_BYTES} bytes"),
                )?;
                self.flow(&body)
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { .. } = instance? {
                        self.instantiate(1)?;
                    }
                }
                Ok(())
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    self.component_instance(&instance?)?;
                }
                Ok(())
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias?)?;
                }
                Ok(())
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    if let ComponentTypeRef::Component(_) = import?.ty {
                        return Err(ShapeError::ComponentValues);
                    }
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    if export?.kind == ComponentExternalKind::Component {
                        return Err(ShapeError::ComponentValues);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds up the sections that are neither code nor data nor skipped by the engine.
    fn weigh(&mut self, payload: &Payload<'_>) -> Result<(), ShapeError> {
        let Some((_, range)) = payload.as_section() else { return Ok(()) };
        let is_component = self.scopes.last().is_some_and(|scope| scope.is_component);
        match payload {
            Payload::CodeSectionStart { .. }
            | Payload::DataSection(_)
            | Payload::ModuleSection { .. }
            | Payload::ComponentSection { .. } => return Ok(()),
            Payload::CustomSection(section) if is_component || section.name() != "name" => {
                return Ok(());
            }
            _ if is_component => self.component_bytes += range.len(),
            _ => self.module_bytes += range.len(),
        }
        let too_much = "declarations";
        let bytes = |most: usize| format!("{most} bytes");
        bound(self.component_bytes > MAX_COMPONENT_BYTES, too_much, bytes(MAX_COMPONENT_BYTES))?;
        bound(self.module_bytes > MAX_MODULE_BYTES, too_much, bytes(MAX_MODULE_BYTES))
    }

    /// Multiplies a function's variables with its blocks and branches.
    fn flow(&mut self, body: &FunctionBody<'_>) -> Result<(), ShapeError> {
        let mut variables: u64 = 0;
        for group in body.get_locals_reader()? {
            variables = variables.saturating_add(u64::from(group?.0));
        }
        let mut branches: u64 = 1;
        for operator in body.get_operators_reader()? {
            branches += match operator? {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::Else
                | Operator::TryTable { .. }
                | Operator::BrIf { .. }
                | Operator::BrOnNull { .. }
                | Operator::BrOnNonNull { .. }
                | Operator::BrOnCast { .. }
                | Operator::BrOnCastFail { .. } => 1,
                Operator::BrTable { targets } => u64::from(targets.len()),
                _ => 0,
            };
        }
        let flow = variables.saturating_mul(branches);
        self.flow = self.flow.saturating_add(flow);
        let what = "variables times branches of one function";
        bound(flow > MAX_FUNCTION_FLOW, what, MAX_FUNCTION_FLOW)?;
        bound(self.flow > MAX_FLOW, "variables times branches of all functions", MAX_FLOW)
    }

    fn tables(&mut self, section: TableSectionReader<'_>) -> Result<(), ShapeError> {
        self.tables = self.tables.saturating_add(section.count());
        bound(self.tables > MAX_EACH, "tables", MAX_EACH)?;
        for table in section {
            self.table_elements = self.table_elements.saturating_add(table?.ty.initial);
        }
        let most = MAX_TABLE_ELEMENTS;
        bound(self.table_elements > most, "table elements", most)
    }

    fn leave(&mut self) {
        let Some(done) = self.scopes.pop() else { return };
        if done.is_component
            && let Some(outer) = self.scopes.last_mut()
        {
            outer.components.push(done.instances);
        }
    }

    fn component_instance(&mut self, instance: &ComponentInstance<'_>) -> Result<(), ShapeError> {
        let ComponentInstance::Instantiate { component_index, .. } = instance else {
            return Ok(());
        };
        let within = self.scopes.last().and_then(|scope| {
            scope.components.get(usize::try_from(*component_index).unwrap_or(usize::MAX))
        });
        // An index that names nothing is for the engine to refuse.
        let within = within.copied().unwrap_or(0);
        self.instantiate(within.saturating_add(1))
    }

    fn instantiate(&mut self, instances: u64) -> Result<(), ShapeError> {
        let Some(scope) = self.scopes.last_mut() else { return Ok(()) };
        scope.instances = scope.instances.saturating_add(instances);
        bound(scope.instances > MAX_INSTANCES, "instances", MAX_INSTANCES)
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), ShapeError> {
        match *alias {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                Err(ShapeError::ComponentValues)
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                let outer = usize::try_from(count)
                    .ok()
                    .and_then(|count| self.scopes.iter().rev().nth(count))
                    .and_then(|scope| scope.components.get(usize::try_from(index).ok()?));
                let within = outer.copied().unwrap_or(0);
                if let Some(scope) = self.scopes.last_mut() {
                    scope.components.push(within);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        Alias, BlockType, CodeSection, Component, ComponentAliasSection, ComponentInstanceSection,
        ComponentOuterAliasKind, CustomSection, Function, FunctionSection, Instruction,
        MemorySection, MemoryType, Module, ModuleSection, NestedComponentSection, RefType,
        TableSection, TableType, TypeSection, ValType,
    };

    use super::*;

    #[track_caller]
    fn refused(component: &Component, says: &str) {
        let error = check(component.as_slice()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    fn holding(module: &Module) -> Component {
        let mut component = Component::new();
        component.section(&ModuleSection(module));
        component
    }

    /// A module with this many functions, each of this many instructions.
    fn functions(count: u32, instructions: usize) -> Module {
        let (mut types, mut declared) = (TypeSection::new(), FunctionSection::new());
        types.ty().function([], []);
        let mut code = CodeSection::new();
        let mut body = Function::new([]);
        for _ in 0..instructions {
            body.instruction(&Instruction::Nop);
        }
        body.instruction(&Instruction::End);
        for _ in 0..count {
            declared.function(0);
            code.function(&body);
        }
        let mut module = Module::new();
        module.section(&types).section(&declared).section(&code);
        module
    }

    #[test]
    fn the_number_and_size_of_functions_are_bounded() {
        assert!(check(holding(&functions(10, 10)).as_slice()).is_ok());
        refused(&holding(&functions(MAX_FUNCTIONS + 1, 0)), "functions");
        refused(&holding(&functions(1, MAX_FUNCTION_BYTES)), "code in one function");
    }

    /// A module with this many functions, each of so many variables and blocks.
    fn flowing(count: u32, variables: u32, blocks: usize) -> Component {
        let (mut types, mut declared) = (TypeSection::new(), FunctionSection::new());
        types.ty().function([], []);
        let mut body = Function::new([(variables, ValType::I32)]);
        for _ in 0..blocks {
            body.instruction(&Instruction::Block(BlockType::Empty));
            body.instruction(&Instruction::End);
        }
        body.instruction(&Instruction::End);
        let mut code = CodeSection::new();
        for _ in 0..count {
            declared.function(0);
            code.function(&body);
        }
        let mut module = Module::new();
        module.section(&types).section(&declared).section(&code);
        holding(&module)
    }

    #[test]
    fn variables_times_branches_are_bounded() {
        assert!(check(flowing(1, 50_000, 150).as_slice()).is_ok());
        let small = flowing(1, 50_000, 250);
        assert!(small.as_slice().len() < 1_000);
        refused(&small, "variables times branches of one function");
        assert!(check(flowing(10, 50_000, 150).as_slice()).is_ok());
        refused(&flowing(20, 50_000, 150), "variables times branches of all functions");
    }

    #[test]
    fn many_modules_have_one_account() {
        let mut component = Component::new();
        for _ in 0..50 {
            component.section(&ModuleSection(&functions(MAX_FUNCTIONS / 50, 0)));
        }
        assert!(check(component.as_slice()).is_ok());
        component.section(&ModuleSection(&functions(1, 0)));
        refused(&component, "functions");
        let mut component = Component::new();
        for _ in 0..=MAX_EACH {
            component.section(&ModuleSection(&Module::new()));
        }
        refused(&component, "core modules");
    }

    #[test]
    fn tables_and_memories_are_bounded() {
        let table = |minimum| TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum,
            maximum: None,
            shared: false,
        };
        let mut tables = TableSection::new();
        tables.table(table(MAX_TABLE_ELEMENTS)).table(table(1));
        let mut module = Module::new();
        module.section(&tables);
        refused(&holding(&module), "table elements");

        let mut memories = MemorySection::new();
        for _ in 0..=MAX_EACH {
            let (minimum, maximum) = (1, None);
            let memory64 = false;
            memories.memory(MemoryType {
                minimum,
                maximum,
                memory64,
                shared: false,
                page_size_log2: None,
            });
        }
        let mut module = Module::new();
        module.section(&memories);
        refused(&holding(&module), "memories");
    }

    /// A chain of components: each instantiates the one before it twice.
    fn doubling(links: u32) -> Component {
        let mut root = Component::new();
        for link in 0..links {
            let mut component = Component::new();
            if link > 0 {
                let mut aliases = ComponentAliasSection::new();
                aliases.alias(Alias::Outer {
                    kind: ComponentOuterAliasKind::Component,
                    count: 1,
                    index: link - 1,
                });
                let mut instances = ComponentInstanceSection::new();
                let none: [(&str, wasm_encoder::ComponentExportKind, u32); 0] = [];
                instances.instantiate(0, none).instantiate(0, none);
                component.section(&aliases).section(&instances);
            }
            root.section(&NestedComponentSection(&component));
        }
        let mut instances = ComponentInstanceSection::new();
        let none: [(&str, wasm_encoder::ComponentExportKind, u32); 0] = [];
        instances.instantiate(links - 1, none);
        root.section(&instances);
        root
    }

    #[test]
    fn instances_that_double_and_double_are_counted_before_they_are_made() {
        assert!(check(doubling(9).as_slice()).is_ok());
        refused(&doubling(10), "instances");
        refused(&doubling(60), "instances");
    }

    #[test]
    fn components_are_not_nested_without_end() {
        let nested = |depth| {
            let mut component = Component::new();
            for _ in 1..depth {
                let mut outer = Component::new();
                outer.section(&NestedComponentSection(&component));
                component = outer;
            }
            component
        };
        assert!(check(nested(MAX_DEPTH).as_slice()).is_ok());
        refused(&nested(MAX_DEPTH + 1), "levels of nested modules");
    }

    #[test]
    fn types_are_not_nested_without_end() {
        let nested = |depth| {
            let mut innermost = wasm_encoder::InstanceType::new();
            for _ in 1..depth {
                let mut outer = wasm_encoder::InstanceType::new();
                outer.ty().instance(&innermost);
                innermost = outer;
            }
            let mut types = wasm_encoder::ComponentTypeSection::new();
            types.instance(&innermost);
            let mut component = Component::new();
            component.section(&types);
            component
        };
        assert!(check(nested(50).as_slice()).is_ok());
        refused(&nested(MAX_TYPES_IN_TYPES + 1), "levels of nested types");
    }

    #[test]
    fn names_of_functions_count_and_sections_that_are_skipped_do_not() {
        let data = vec![0; MAX_MODULE_BYTES + 1];
        let with = |name: &str| {
            let mut module = Module::new();
            module.section(&CustomSection { name: name.into(), data: (&data[..]).into() });
            holding(&module)
        };
        refused(&with("name"), "declarations");
        assert!(check(with(".debug_info").as_slice()).is_ok());
    }
}
