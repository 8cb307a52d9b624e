// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Goes around HTTP: resolves a name and makes a socket, and tells how far it came.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest, seen};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

struct OpensSockets;

impl Behaviour for OpensSockets {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let network = instance_network();
        let resolved = resolve_addresses(&network, "localhost").map(|_| "resolving");
        let socket = create_tcp_socket(IpAddressFamily::Ipv4).map(|_| "a socket");
        reading.once(|| Ok(seen([format!("{resolved:?}"), format!("{socket:?}")])))
    }
}

guest!(OpensSockets);
