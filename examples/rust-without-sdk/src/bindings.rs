//! The contract and WASI's interfaces, as Rust: generated from `wit/`.

wit_bindgen::generate!({
    path: "wit",
    world: "plugin",
    generate_all,
    pub_export_macro: true,
});
