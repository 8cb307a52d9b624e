// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The memory of the host's objects for a plugin: requests, headers, streams, responses.

use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::bindings::http::types::Method;
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;

/// The most bytes of one set of headers, and of an unsent body: small, because every object is
/// taken for one that is as large as it can be.
pub const MAX_HEADERS: usize = 32 << 10;
/// The most bytes of a request's body that wait to be sent, twice: one piece is on its way.
pub const BODY_PIECE: usize = 4 << 10;
/// What one object takes at the most, without the texts of a request and the bodies of answers.
const OBJECT: usize = MAX_HEADERS + 2 * BODY_PIECE;

/// The most bytes that they take, but for the bodies of answers, which are counted as they arrive.
pub fn size(table: &mut ResourceTable) -> u64 {
    let sizes = table.iter_mut().map(|object| OBJECT + texts(object));
    sizes.map(|size| size as u64).sum()
}

/// The texts of a request, which have no bound of their own.
fn texts(object: &mut (dyn std::any::Any + Send)) -> usize {
    let Some(request) = object.downcast_ref::<HostOutgoingRequest>() else { return 0 };
    let method = match &request.method {
        Method::Other(name) => name.len(),
        _ => 0,
    };
    let texts = [&request.authority, &request.path_with_query];
    method + texts.into_iter().flatten().map(String::len).sum::<usize>()
}
