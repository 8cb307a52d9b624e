// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which addresses a connection may be made to.
//!
//! An allowed host name says nothing of where it leads: whoever owns the name decides what
//! it resolves to, and `127.0.0.1` or a cloud's metadata service is reachable from here but
//! not from outside. So every address is checked, by the resolver whose answer is connected
//! to. Only addresses of the public Internet pass; the operator grants exceptions in
//! `datasources.NAME.allow-addresses`:
//!
//! | Exception | Grants |
//! |---|---|
//! | `testrail.internal` | whatever addresses that host name has |
//! | `127.0.0.1`, `::1` | that address |
//! | `10.20.0.0/16`, `fd00::/8` | the addresses of that network |
//!
//! The networks below are the IANA special-purpose registries (RFC 6890 and what followed)
//! without those that are globally reachable. An IPv6 address that carries an IPv4 address
//! (mapped, NAT64, 6to4) is judged by the address it carries as well.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// Refuses addresses that are not public, but for those that the operator granted. The
/// default grants no exception.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    names: Vec<String>,
    networks: Vec<IpNet>,
}

/// Why an exception cannot be used. Quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a host name, an address or a network; expected a form such as \
     \"testrail.internal\", \"127.0.0.1\" or \"10.20.0.0/16\""
)]
pub struct AddressPolicyError(pub String);

/// A host of which no address may be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRefused {
    /// The host as the URL names it.
    pub host: String,
    /// Its addresses, each with what it is.
    pub refused: Vec<(IpAddr, &'static str)>,
}

/// The addresses and what they are: `127.0.0.1 (loopback)`.
impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, what)) in self.refused.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{address} ({what})")?;
        }
        Ok(())
    }
}

impl std::error::Error for AddressRefused {}

impl AddressPolicy {
    /// Parses the operator's exceptions: host names, addresses, networks.
    ///
    /// # Errors
    ///
    /// The first exception that is none of these.
    pub fn new<S: AsRef<str>>(exceptions: &[S]) -> Result<AddressPolicy, AddressPolicyError> {
        let mut policy = AddressPolicy::default();
        for exception in exceptions {
            policy.grant(exception.as_ref())?;
        }
        Ok(policy)
    }

    fn grant(&mut self, exception: &str) -> Result<(), AddressPolicyError> {
        let refuse = || AddressPolicyError(exception.to_owned());
        let bare =
            exception.strip_prefix('[').and_then(|e| e.strip_suffix(']')).unwrap_or(exception);
        if let Ok(address) = bare.parse::<IpAddr>() {
            self.networks.push(IpNet::from(address.to_canonical()));
        } else if exception.contains('/') {
            self.networks.push(exception.parse::<IpNet>().map_err(|_| refuse())?.trunc());
        } else {
            let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            if !exception.chars().all(is_name) {
                return Err(refuse());
            }
            // As in a URL, so that both are compared in the same form; `127.1`, which a URL
            // takes for an address, is not silently taken for a name.
            match Host::parse(exception) {
                Ok(Host::Domain(name)) if !name.ends_with('.') => self.names.push(name),
                _ => return Err(refuse()),
            }
        }
        Ok(())
    }

    /// Checks a URL whose host is an address; one whose host is a name is checked when the
    /// name is resolved.
    ///
    /// # Errors
    ///
    /// The address is neither public nor granted.
    pub fn check_url(&self, url: &Url) -> Result<(), AddressRefused> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        self.permitted(&address.to_string(), vec![SocketAddr::new(address, 0)]).map(drop)
    }

    /// Of what `host` resolved to, the addresses that may be connected to.
    ///
    /// # Errors
    ///
    /// There were addresses, and none of them may be used.
    pub fn permitted(
        &self,
        host: &str,
        addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, AddressRefused> {
        let mut permitted = Vec::new();
        let mut refused = Vec::new();
        for address in addresses {
            match self.refusal(host, address.ip()) {
                None => permitted.push(address),
                Some(what) => refused.push((address.ip(), what)),
            }
        }
        if permitted.is_empty() && !refused.is_empty() {
            return Err(AddressRefused { host: host.to_owned(), refused });
        }
        Ok(permitted)
    }

    /// Whether `host`, a loopback address or `localhost`, was granted.
    pub(crate) fn grants_loopback(&self, host: &Host<&str>) -> bool {
        match host {
            Host::Ipv4(address) => address.is_loopback() && self.is_granted((*address).into()),
            Host::Ipv6(address) => address.is_loopback() && self.is_granted((*address).into()),
            Host::Domain("localhost") => {
                self.names.iter().any(|name| name == "localhost")
                    || self.is_granted(Ipv4Addr::LOCALHOST.into())
                    || self.is_granted(Ipv6Addr::LOCALHOST.into())
            }
            Host::Domain(_) => false,
        }
    }

    fn is_granted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    fn refusal(&self, host: &str, address: IpAddr) -> Option<&'static str> {
        // `localhost` is this machine (RFC 6761); a resolver that says otherwise is wrong or
        // worse, and a credential may be meant for it without encryption.
        if host.eq_ignore_ascii_case("localhost") && !address.to_canonical().is_loopback() {
            return Some("not this machine, though the name is localhost");
        }
        if self.names.iter().any(|name| name.eq_ignore_ascii_case(host)) || self.is_granted(address)
        {
            return None;
        }
        special_purpose(address)
    }
}

/// What `address` is, when it is not a public one.
fn special_purpose(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => special_purpose_v4(address),
        IpAddr::V6(address) => REFUSED_V6
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(_, what)| *what)
            .or_else(|| carried_v4(address).and_then(special_purpose_v4)),
    }
}

fn special_purpose_v4(address: Ipv4Addr) -> Option<&'static str> {
    REFUSED_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, what)| *what)
}

/// The IPv4 address that a translator or tunnel would deliver to: NAT64 (RFC 6052) or 6to4
/// (RFC 3056).
fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let o = address.octets();
    if NAT64.contains(&address) {
        Some(Ipv4Addr::new(o[12], o[13], o[14], o[15]))
    } else if SIX_TO_FOUR.contains(&address) {
        Some(Ipv4Addr::new(o[2], o[3], o[4], o[5]))
    } else {
        None
    }
}

const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);

/// The first that contains an address names it, so the particular stand before the general.
const REFUSED_V4: &[(Ipv4Net, &str)] = &[
    (v4([169, 254, 169, 254], 32), "cloud metadata service"),
    (v4([169, 254, 170, 2], 32), "cloud metadata service"),
    (v4([100, 100, 100, 200], 32), "cloud metadata service"),
    (v4([192, 0, 0, 192], 32), "cloud metadata service"),
    (v4([168, 63, 129, 16], 32), "cloud metadata service"),
    (v4([0, 0, 0, 0], 8), "unspecified"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared by a carrier's NAT"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 88, 99, 0], 24), "reserved"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved or broadcast"),
];

const REFUSED_V6: &[(Ipv6Net, &str)] = &[
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), "cloud metadata service"),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), "cloud metadata service"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "IPv4-compatible"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "local NAT64"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 63), "discarded"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "Teredo tunnel"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "reserved for protocols"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "segment routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique local"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

const fn v4(o: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(o[0], o[1], o[2], o[3]), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(address: &str) -> Option<&'static str> {
        AddressPolicy::default().refusal("a.example.org", address.parse().unwrap())
    }

    #[test]
    fn addresses_that_are_not_public_are_refused() {
        for (address, expected) in [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "shared by a carrier's NAT"),
            ("169.254.1.1", "link-local"),
            ("169.254.169.254", "cloud metadata service"),
            ("100.100.100.200", "cloud metadata service"),
            ("168.63.129.16", "cloud metadata service"),
            ("192.0.2.1", "documentation"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.9", "documentation"),
            ("198.19.0.1", "benchmarking"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.250", "multicast"),
            ("255.255.255.255", "reserved or broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("fc00::1", "unique local"),
            ("fd12:3456::1", "unique local"),
            ("fd00:ec2::254", "cloud metadata service"),
            ("ff02::1", "multicast"),
            ("2001:db8::1", "documentation"),
            ("3fff::1", "documentation"),
            ("2001::1", "Teredo tunnel"),
            ("100::1", "discarded"),
        ] {
            assert_eq!(what(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn an_ipv6_address_is_judged_by_the_ipv4_address_it_carries() {
        for (address, expected) in [
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "cloud metadata service"),
            ("::ffff:10.1.2.3", "private"),
            ("::127.0.0.1", "IPv4-compatible"),
            ("64:ff9b::127.0.0.1", "loopback"),
            ("64:ff9b::169.254.169.254", "cloud metadata service"),
            ("64:ff9b:1::10.0.0.1", "local NAT64"),
            ("2002:7f00:1::", "loopback"),
            ("2002:a9fe:a9fe::1", "cloud metadata service"),
            ("2002:c0a8:101::1", "private"),
        ] {
            assert_eq!(what(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "140.82.112.5",
            "172.15.255.255",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "::ffff:140.82.112.5",
            // What an IPv6-only network's DNS64 answers for an IPv4 host.
            "64:ff9b::140.82.112.5",
        ] {
            assert_eq!(what(address), None, "{address}");
        }
    }

    #[test]
    fn an_exception_grants_what_it_names_and_nothing_beside_it() {
        let policy =
            AddressPolicy::new(&["127.0.0.1", "[::1]", "10.20.0.9/16", "testrail.internal"])
                .unwrap();
        for (host, address, granted) in [
            ("a.example.org", "127.0.0.1", true),
            ("a.example.org", "::ffff:127.0.0.1", true),
            ("a.example.org", "127.0.0.2", false),
            ("a.example.org", "::1", true),
            ("a.example.org", "10.20.255.1", true),
            ("a.example.org", "10.21.0.1", false),
            ("testrail.internal", "192.168.7.7", true),
            ("Testrail.Internal", "192.168.7.7", true),
            ("x.testrail.internal", "192.168.7.7", false),
            ("localhost", "127.0.0.1", true),
            ("localhost", "140.82.112.5", false),
        ] {
            let refusal = policy.refusal(host, address.parse().unwrap());
            assert_eq!(refusal.is_none(), granted, "{host} {address}: {refusal:?}");
        }
    }

    #[test]
    fn of_several_addresses_only_the_permitted_are_used() {
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()
        };
        let policy = AddressPolicy::default();
        assert_eq!(
            policy.permitted("h", addresses(&["10.0.0.1", "1.1.1.1", "::1"])),
            Ok(addresses(&["1.1.1.1"]))
        );
        let refused = policy.permitted("h", addresses(&["10.0.0.1", "::1"])).unwrap_err();
        assert_eq!(refused.to_string(), "10.0.0.1 (private), ::1 (loopback)");
    }

    #[test]
    fn an_address_in_a_url_is_checked_in_whatever_form_it_is_written() {
        let policy = AddressPolicy::default();
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://017700000001/",
            "http://0/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/latest/meta-data/",
        ] {
            assert!(policy.check_url(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        assert_eq!(policy.check_url(&Url::parse("https://1.1.1.1/").unwrap()), Ok(()));
    }

    #[test]
    fn an_exception_that_is_no_host_address_or_network_is_refused_and_quoted() {
        for exception in [
            "",
            "127.1",
            "0x7f000001",
            "10.0.0.0/33",
            "a/b",
            "http://localhost",
            "*.internal",
            "a b",
            "host.",
        ] {
            let error = AddressPolicy::new(&[exception]).expect_err(exception);
            assert!(error.to_string().starts_with(&format!("{exception:?}")), "{error}");
        }
    }
}
