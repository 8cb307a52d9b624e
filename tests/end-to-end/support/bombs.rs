// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Files that are small to write and would be dear to take in.

use wasm_encoder::{
    Alias, CodeSection, Component, ComponentAliasSection, ComponentExportKind,
    ComponentImportSection, ComponentInstanceSection, ComponentOuterAliasKind, ComponentTypeRef,
    ComponentTypeSection, CustomSection, Encode as _, Function, FunctionSection, InstanceType,
    Instruction, Module, ModuleSection, NestedComponentSection, TypeSection,
};

/// A component with more sections at its end.
pub fn with(component: &[u8], more: &Component) -> Vec<u8> {
    const HEADER: usize = 8;
    [component, &more.as_slice()[HEADER..]].concat()
}

/// A component that holds this module, and does nothing with it.
pub fn holding(module: &Module) -> Component {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component
}

/// A module with this many functions, each with these numbers added up.
pub fn functions(count: u32, additions: usize) -> Module {
    let (mut types, mut declared) = (TypeSection::new(), FunctionSection::new());
    types.ty().function([], [wasm_encoder::ValType::I64]);
    let mut body = Function::new([]);
    body.instruction(&Instruction::I64Const(1));
    for number in 0..additions {
        let number = i64::try_from(number).unwrap();
        body.instruction(&Instruction::I64Const(number.wrapping_mul(0x9E37_79B9)));
        body.instruction(&if number % 3 == 0 { Instruction::I64Mul } else { Instruction::I64Xor });
    }
    body.instruction(&Instruction::End);
    let mut code = CodeSection::new();
    for _ in 0..count {
        declared.function(0);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module
}

/// A module of one function, which calls itself so many times.
pub fn calls(count: usize) -> Module {
    let (mut types, mut declared) = (TypeSection::new(), FunctionSection::new());
    types.ty().function([], []);
    declared.function(0);
    let mut body = Function::new([]);
    for _ in 0..count {
        body.instruction(&Instruction::Call(0));
    }
    body.instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module
}

/// A component with a section of this name beside everything that the engine reads.
pub fn custom(name: &str, data: &[u8]) -> Component {
    let mut component = Component::new();
    component.section(&CustomSection { name: name.into(), data: data.into() });
    component
}

/// A module of one function, whose section of names has these contents.
pub fn named(names: &[u8]) -> Component {
    let mut module = functions(1, 1);
    module.section(&CustomSection { name: "name".into(), data: names.into() });
    holding(&module)
}

/// A part of a section of names: its kind, its length and its contents.
pub fn names(kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut part = vec![kind];
    contents.encode(&mut part);
    part
}

/// A number as the format has it.
pub fn leb(number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    number.encode(&mut bytes);
    bytes
}

/// Components of which each instantiates the one before it twice.
pub fn doubling(links: u32) -> Component {
    let none: [(&str, ComponentExportKind, u32); 0] = [];
    let mut root = Component::new();
    for link in 0..links {
        let mut component = Component::new();
        if link > 0 {
            let (kind, count) = (ComponentOuterAliasKind::Component, 1);
            let mut aliases = ComponentAliasSection::new();
            aliases.alias(Alias::Outer { kind, count, index: link - 1 });
            let mut instances = ComponentInstanceSection::new();
            instances.instantiate(0, none).instantiate(0, none);
            component.section(&aliases).section(&instances);
        }
        root.section(&NestedComponentSection(&component));
    }
    let mut instances = ComponentInstanceSection::new();
    instances.instantiate(links - 1, none);
    root.section(&instances);
    root
}

/// An instance's type within an instance's type, and so on, byte by byte: an encoder would copy
/// each into the next.
pub fn nested_types(depth: usize) -> Component {
    // An instance's type with one declaration, which is a type; within the last there is none.
    let (outer, innermost) = ([0x42, 1, 1], [0x42, 0]);
    let section = [leb(1), outer.repeat(depth - 1), innermost.to_vec()].concat();
    let mut component = Component::new();
    component.section(&wasm_encoder::RawSection { id: 7, data: &section });
    component
}

/// Imports of instances in which nothing is, which nothing has to be linked to. `types` is how
/// many types the component that they are put behind has.
pub fn imports(count: u32, types: u32) -> Component {
    let mut declared = ComponentTypeSection::new();
    declared.instance(&InstanceType::new());
    let mut imports = ComponentImportSection::new();
    for number in 0..count {
        let name = format!("test:many/i{number}@1.0.0");
        imports.import(name.as_str(), ComponentTypeRef::Instance(types));
    }
    let mut component = Component::new();
    component.section(&declared).section(&imports);
    component
}
