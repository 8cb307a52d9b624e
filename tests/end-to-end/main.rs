//! What a person sees: the built binary, real plugins, real databases.
//!
//! `make test` builds the plugins and guests first and starts the databases; each file here
//! is about one promise.

mod support;

mod first_run;
