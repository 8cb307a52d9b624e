// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which origins a datasource's plugin may send requests to.
//!
//! The operator lists origins in `datasources.NAME.allow`; what is not listed is refused.
//! An empty list refuses everything, because a forgotten setting must not open the network.
//!
//! | Entry | Allows |
//! |---|---|
//! | `https://api.github.com` | that host over https, port 443 |
//! | `https://testrail.example.org:8443` | that host over https, port 8443 only |
//! | `https://*.example.org` | every host below `example.org`, at any depth; not `example.org` itself |
//! | `http://127.0.0.1:8080` | that address over plain http, which nothing else allows |
//! | `https://[2001:db8::1]` | that IPv6 address |
//!
//! An entry is an origin: a path, query, user name or fragment in it is an error, because it
//! would promise a restriction that is not made. Hosts are compared after the URL standard's
//! normalisation on both sides: case does not matter, an international name is its punycode
//! form, and `0x7f.1` is `127.0.0.1`. A name with a trailing dot is another name, and refused.
//!
//! ```
//! use test_dashboard_egress::AllowList;
//!
//! let allow = AllowList::new(&["https://api.github.com", "https://*.example.org"])?;
//! assert!(allow.allows(&"https://api.github.com/repos".parse()?));
//! assert!(allow.allows(&"https://a.b.example.org/".parse()?));
//! assert!(!allow.allows(&"http://api.github.com/repos".parse()?));
//! assert!(!AllowList::default().allows(&"https://api.github.com/".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use url::{Host, Url};

/// The origins that the operator allows. The default allows none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Entry>);

/// Why an entry of the allowlist cannot be used. Quotes the entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{entry:?} is not an origin that can be allowed: {reason}; expected a form such as \
     \"https://api.example.org\", \"https://*.example.org\" or \"http://127.0.0.1:8080\""
)]
pub struct AllowListError {
    /// The entry as the operator wrote it.
    pub entry: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Exactly(Host),
    /// Every name that ends with a dot and this one.
    Below(String),
}

impl AllowList {
    /// Parses the operator's entries.
    ///
    /// # Errors
    ///
    /// The first entry that is not one of the accepted forms.
    pub fn new<S: AsRef<str>>(entries: &[S]) -> Result<AllowList, AllowListError> {
        entries.iter().map(|entry| Entry::parse(entry.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request to `url` may leave. Only scheme, host and port decide.
    pub fn allows(&self, url: &Url) -> bool {
        self.0.iter().any(|entry| entry.allows(url))
    }

    /// Whether it allows nothing at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The entries, separated by commas; `nothing` when there are none.
impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (index, entry) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{entry}")?;
        }
        Ok(())
    }
}

impl Entry {
    fn parse(entry: &str) -> Result<Entry, AllowListError> {
        let refuse = |reason| AllowListError { entry: entry.to_owned(), reason };
        // The URL parser forgives much of what a person may mistype; a permission must say
        // exactly what it means.
        if entry.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(refuse("it contains white space or a backslash"));
        }
        let Some((scheme, rest)) = entry.split_once("://") else {
            return Err(refuse("it does not begin with https:// or http://"));
        };
        let scheme =
            Scheme::parse(scheme).ok_or_else(|| refuse("its scheme is not https or http"))?;
        let (below, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if rest.contains('*') {
            return Err(refuse(
                "a * can only stand for everything before a domain, as in *.example.org",
            ));
        }
        if rest.starts_with('/') || rest.is_empty() {
            return Err(refuse("it names no host"));
        }
        let url = Url::parse(&format!("{scheme}://{rest}"))
            .map_err(|_| refuse("its host or port is not valid"))?;
        if rest.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it contains a user name or a password"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has a path, and only whole origins can be allowed"));
        }
        let host = HostPattern::new(&url, below).map_err(refuse)?;
        let port = url.port_or_known_default().ok_or_else(|| refuse("it has no port"))?;
        Ok(Entry { scheme, host, port })
    }

    fn allows(&self, url: &Url) -> bool {
        Scheme::parse(url.scheme()) == Some(self.scheme)
            && url.port_or_known_default() == Some(self.port)
            && url.host().is_some_and(|host| self.host.matches(&host))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match &self.host {
            HostPattern::Exactly(host) => write!(f, "{host}")?,
            HostPattern::Below(domain) => write!(f, "*.{domain}")?,
        }
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Scheme {
    fn parse(scheme: &str) -> Option<Scheme> {
        match scheme.to_ascii_lowercase().as_str() {
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            _ => None,
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        })
    }
}

impl HostPattern {
    fn new(url: &Url, below: bool) -> Result<HostPattern, &'static str> {
        let host = url.host().ok_or("it names no host")?.to_owned();
        if let Host::Domain(domain) = &host
            && domain.ends_with('.')
        {
            return Err("its host ends with a dot");
        }
        match (below, host) {
            (false, host) => Ok(HostPattern::Exactly(host)),
            // `*.org` would allow a domain that anybody can register.
            (true, Host::Domain(domain)) if domain.contains('.') => Ok(HostPattern::Below(domain)),
            (true, Host::Domain(_)) => Err("a * needs a domain of two parts or more after it"),
            (true, _) => Err("a * cannot stand before an address"),
        }
    }

    fn matches(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (HostPattern::Exactly(Host::Domain(name)), Host::Domain(asked)) => name == asked,
            (HostPattern::Exactly(Host::Ipv4(address)), Host::Ipv4(asked)) => address == asked,
            (HostPattern::Exactly(Host::Ipv6(address)), Host::Ipv6(asked)) => address == asked,
            (HostPattern::Below(domain), Host::Domain(asked)) => asked
                .strip_suffix(domain.as_str())
                .and_then(|label| label.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entries: &[&str], url: &str) -> bool {
        AllowList::new(entries).unwrap().allows(&Url::parse(url).unwrap())
    }

    #[test]
    fn only_the_listed_scheme_host_and_port_are_allowed() {
        let github = &["https://api.github.com"];
        for (url, expected) in [
            ("https://api.github.com/", true),
            ("https://api.github.com:443/repos?page=2", true),
            ("HTTPS://API.GitHub.COM/repos", true),
            ("https://api.github.com:8443/", false),
            ("http://api.github.com/", false),
            ("http://api.github.com:443/", false),
            ("https://github.com/", false),
            ("https://evil.api.github.com/", false),
            ("https://api.github.com.evil.org/", false),
            ("https://api.github.com@evil.org/", false),
            ("https://evil.org/api.github.com", false),
            ("https://evil.org#@api.github.com", false),
            ("https://evil.org\\@api.github.com", false),
            ("https://api.github.com./", false),
            ("https://xapi.github.com/", false),
            ("https://api-github.com/", false),
            ("ftp://api.github.com/", false),
            ("file:///etc/passwd", false),
            ("data:text/plain,hello", false),
        ] {
            assert_eq!(allows(github, url), expected, "{url}");
        }
    }

    #[test]
    fn a_wildcard_allows_what_is_below_its_domain_and_nothing_beside_it() {
        let list = &["https://*.example.org"];
        for (url, expected) in [
            ("https://a.example.org/", true),
            ("https://a.b.example.org/", true),
            ("https://A.EXAMPLE.org/", true),
            ("https://example.org/", false),
            ("https://.example.org/", false),
            ("https://notexample.org/", false),
            ("https://a.example.org.evil.net/", false),
            ("https://a.example.org./", false),
            ("https://a.example.org:444/", false),
        ] {
            assert_eq!(allows(list, url), expected, "{url}");
        }
    }

    #[test]
    fn every_way_to_write_an_address_is_the_same_address() {
        let list = &["http://127.0.0.1:8080", "http://[::1]:8080"];
        for (url, expected) in [
            ("http://127.0.0.1:8080/", true),
            ("http://2130706433:8080/", true),
            ("http://0x7f.1:8080/", true),
            ("http://0177.0.0.1:8080/", true),
            ("http://127.1:8080/", true),
            ("http://[::1]:8080/", true),
            ("http://[0:0:0:0:0:0:0:1]:8080/", true),
            ("http://[::ffff:127.0.0.1]:8080/", false),
            ("http://127.0.0.1/", false),
            ("http://127.0.0.2:8080/", false),
            ("http://localhost:8080/", false),
        ] {
            assert_eq!(allows(list, url), expected, "{url}");
        }
    }

    #[test]
    fn international_names_are_compared_as_punycode() {
        assert!(allows(&["https://bücher.example"], "https://xn--bcher-kva.example/"));
        assert!(allows(&["https://xn--bcher-kva.example"], "https://BÜCHER.example/"));
        // A Cyrillic letter that looks like a Latin one makes another name.
        assert!(!allows(&["https://api.github.com"], "https://аpi.github.com/"));
        // Full-width letters are mapped to the plain ones by the standard.
        assert!(allows(&["https://api.github.com"], "https://ａpi.github.com/"));
    }

    #[test]
    fn an_empty_list_denies() {
        assert!(!AllowList::default().allows(&Url::parse("https://api.github.com/").unwrap()));
        assert!(AllowList::new::<&str>(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_an_origin_is_refused_with_the_entry_quoted() {
        for entry in [
            "",
            "*",
            "api.github.com",
            "https:api.github.com",
            "https://",
            "https:///api.github.com",
            "https://*",
            "https://*.",
            "https://*.org",
            "https://*.127.0.0.1",
            "https://a.*.example.org",
            "https://*example.org",
            "https://api.github.com/repos",
            "https://api.github.com?x=1",
            "https://api.github.com#x",
            "https://user@api.github.com",
            "https://user:secret@api.github.com",
            "https://@api.github.com",
            "https://api.github.com.",
            "https://api.github.com:https",
            "https://api.github.com:99999",
            "https:\\\\api.github.com",
            " https://api.github.com",
            "https://api.git\thub.com",
            "ws://api.github.com",
            "*://api.github.com",
        ] {
            let error = AllowList::new(&[entry]).expect_err(entry);
            assert!(error.to_string().starts_with(&format!("{entry:?}")), "{error}");
        }
    }

    #[test]
    fn it_prints_as_it_is_written() {
        let entries = ["https://api.github.com", "https://*.example.org:8443", "http://[::1]"];
        assert_eq!(AllowList::new(&entries).unwrap().to_string(), entries.join(", "));
        assert_eq!(AllowList::default().to_string(), "nothing");
    }
}
