//! Which URLs webhooks may be sent to: public HTTPS endpoints.
//!
//! The rules are applied when an endpoint is registered and again before each request. The second time they also
//! apply to the addresses that the host name resolves to, which may change after the registration.

mod networks;

use std::net::IpAddr;

use thiserror::Error;
use url::{Host, Position, Url};

use super::super::characters::is_invisible;
pub use networks::is_public;

/// The length of an endpoint's URL in its normal form, in bytes.
pub const URL_MAX: usize = 2_048;
/// The port of HTTPS, the only one below [`PORT_MIN`] that is called.
pub const HTTPS_PORT: u16 = 443;
/// The lowest other port that is called. The ports below belong to system services, such as SSH and mail, which a
/// request could disturb.
pub const PORT_MIN: u16 = 1_024;
/// The length of a host name in DNS, in bytes.
const HOST_NAME_MAX: usize = 253;
/// The length of a label of a host name in DNS, in bytes.
const LABEL_MAX: usize = 63;
/// The domain of the machine itself.
const LOCALHOST: &str = "localhost";
/// Top-level domains of internal networks. `internal` has the metadata services of clouds.
const INTERNAL_DOMAINS: [&str; 4] = [LOCALHOST, "local", "internal", "arpa"];

/// Which of the rules apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// Lets URLs of this machine pass, also over `http`. For the local stack only.
    pub allow_loopback_http: bool,
}

/// Why a URL is not called. The sentence of each is for the caller who registers the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    #[error("The URL must have at most 2048 characters, counted after special characters are escaped.")]
    TooLong,
    #[error("The URL must be an absolute URL with a valid host name, such as https://example.com/webhooks.")]
    Invalid,
    #[error("The URL must begin with https://.")]
    HttpsRequired,
    #[error("The URL must not contain a user name or a password.")]
    UserInfo,
    #[error("The port must be 443, or at least 1024.")]
    Port,
    #[error("The host must be a name in the public DNS. Internal names can't be called.")]
    InternalHost,
    #[error("The host's address is not public. Private, local and reserved addresses can't be called.")]
    PrivateAddress,
}

impl AddressError {
    /// The stable code of the error.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "url_too_long",
            Self::Invalid => "invalid_url",
            Self::HttpsRequired => "https_required",
            Self::UserInfo => "user_info_not_allowed",
            Self::Port => "port_not_allowed",
            Self::InternalHost => "internal_host",
            Self::PrivateAddress => "private_address",
        }
    }
}

/// The host of a URL that passed [`check_url`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointHost {
    /// In lower-case ASCII, without a trailing dot.
    Name(String),
    Address(IpAddr),
}

impl EndpointHost {
    fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => top_level(name) == LOCALHOST,
            Self::Address(ip) => ip.is_loopback(),
        }
    }

    fn check(&self) -> Result<(), AddressError> {
        match self {
            Self::Name(name) if !name.contains('.') || INTERNAL_DOMAINS.contains(&top_level(name)) => {
                Err(AddressError::InternalHost)
            }
            Self::Address(ip) if !is_public(*ip) => Err(AddressError::PrivateAddress),
            Self::Name(_) | Self::Address(_) => Ok(()),
        }
    }
}

/// A URL that passed [`check_url`], in its normal form (WHATWG), without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl {
    url: Url,
    host: EndpointHost,
    port: u16,
    rules: AddressRules,
}

impl EndpointUrl {
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    pub fn host(&self) -> &EndpointHost {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the request goes over TLS. Only the local stack has endpoints without.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The value of the `Host` header: the host, and the port unless it is the scheme's default.
    pub fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// What the request line names: path and query.
    pub fn target(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// Whether a connection to this address, which the host resolved to, is allowed.
    pub fn may_reach(&self, ip: IpAddr) -> bool {
        (self.is_https() && is_public(ip)) || (self.rules.allow_loopback_http && ip.is_loopback())
    }
}

/// Reads the URL of an endpoint and applies every rule that needs no DNS.
///
/// Literal addresses are checked as the parser reads them: `0x7f.1`, `2130706433` and `0177.0.0.1` are 127.0.0.1.
/// A fragment is dropped.
///
/// # Errors
/// The first rule that the URL breaks.
pub fn check_url(url: &str, rules: AddressRules) -> Result<EndpointUrl, AddressError> {
    if url.len() > URL_MAX {
        return Err(AddressError::TooLong);
    }
    let authority = plain_authority(url).ok_or(AddressError::Invalid)?;
    let mut url = Url::parse(url).map_err(|_| AddressError::Invalid)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(AddressError::HttpsRequired);
    }
    // The parser forgets an `@` without a name before it.
    if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::UserInfo);
    }
    let host = host(&url)?;
    if let EndpointHost::Name(name) = &host {
        url.set_host(Some(name.as_str())).map_err(|_| AddressError::Invalid)?;
    }
    url.set_fragment(None);
    let is_local = rules.allow_loopback_http && host.is_loopback();
    if url.scheme() != "https" && !is_local {
        return Err(AddressError::HttpsRequired);
    }
    let port = url.port_or_known_default().filter(|&port| port == HTTPS_PORT || port >= PORT_MIN);
    let port = port.ok_or(AddressError::Port)?;
    if !is_local {
        host.check()?;
    }
    if url.as_str().len() > URL_MAX {
        return Err(AddressError::TooLong);
    }
    Ok(EndpointUrl { url, host, port, rules })
}

/// The part between `://` and the path, if every parser of URLs finds the same one. Browsers also skip blanks and
/// control characters, read `\` as `/`, and ignore missing and additional slashes.
fn plain_authority(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let is_scheme = scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_odd = |c: char| c == '\\' || c.is_whitespace() || c.is_control() || is_invisible(c);
    if !is_scheme || url.contains(is_odd) {
        return None;
    }
    rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())
}

fn host(url: &Url) -> Result<EndpointHost, AddressError> {
    match url.host() {
        Some(Host::Ipv4(ip)) => Ok(EndpointHost::Address(IpAddr::V4(ip))),
        Some(Host::Ipv6(ip)) => Ok(EndpointHost::Address(IpAddr::V6(ip))),
        Some(Host::Domain(name)) => {
            // `example.com.` is the same host. TLS has no name with a dot at its end.
            let name = name.strip_suffix('.').unwrap_or(name);
            if is_host_name(name) { Ok(EndpointHost::Name(name.to_owned())) } else { Err(AddressError::Invalid) }
        }
        None => Err(AddressError::Invalid),
    }
}

/// Whether DNS and certificates can have this name.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    name.len() <= HOST_NAME_MAX && name.split('.').all(is_label)
}

fn top_level(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: AddressRules = AddressRules { allow_loopback_http: false };
    const LOCAL: AddressRules = AddressRules { allow_loopback_http: true };

    fn error(url: &str) -> Option<AddressError> {
        check_url(url, PUBLIC).err()
    }

    fn all_are(expected: AddressError, urls: &[&str]) {
        for url in urls {
            assert_eq!(error(url), Some(expected), "{url:?}");
        }
    }

    #[test]
    fn a_public_url_passes_in_its_normal_form() {
        for (given, normal, authority, target, port) in [
            ("https://example.com", "https://example.com/", "example.com", "/", 443),
            ("HTTPS://Example.COM:443/a?b=c#d", "https://example.com/a?b=c", "example.com", "/a?b=c", 443),
            ("https://example.com:8443/a", "https://example.com:8443/a", "example.com:8443", "/a", 8443),
            ("https://example.com:1024/", "https://example.com:1024/", "example.com:1024", "/", 1024),
            ("https://example.com:65535/", "https://example.com:65535/", "example.com:65535", "/", 65535),
            ("https://example.com./a", "https://example.com/a", "example.com", "/a", 443),
            (
                "https://bücher.example/é",
                "https://xn--bcher-kva.example/%C3%A9",
                "xn--bcher-kva.example",
                "/%C3%A9",
                443,
            ),
            ("https://hook_s.example.com/", "https://hook_s.example.com/", "hook_s.example.com", "/", 443),
            ("https://1.1.1.1/", "https://1.1.1.1/", "1.1.1.1", "/", 443),
            ("https://[2606:4700::1111]:8443/", "https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443", "/", 8443),
            ("https://example.com/@a", "https://example.com/@a", "example.com", "/@a", 443),
            ("https://localhost.example.com/", "https://localhost.example.com/", "localhost.example.com", "/", 443),
        ] {
            let url = check_url(given, PUBLIC).expect(given);
            assert_eq!(url.as_str(), normal);
            assert_eq!((url.authority(), url.target(), url.port()), (authority, target, port), "{given}");
            assert!(url.is_https());
        }
        let named = check_url("https://example.com./", PUBLIC).expect("a name");
        assert_eq!(named.host(), &EndpointHost::Name("example.com".into()));
    }

    #[test]
    fn only_https_passes() {
        all_are(AddressError::HttpsRequired, &["http://example.com/", "ftp://example.com/", "gopher://example.com/"]);
        assert_eq!(check_url("http://example.com/", LOCAL), Err(AddressError::HttpsRequired), "locally, too");
    }

    #[test]
    fn user_info_is_refused_even_if_it_is_empty() {
        all_are(
            AddressError::UserInfo,
            &["https://a@example.com/", "https://a:b@example.com/", "https://@example.com/", "https://:@example.com/"],
        );
    }

    #[test]
    fn ports_of_system_services_are_refused() {
        for port in [0, 1, 22, 25, 53, 80, 110, 389, 442, 444, 465, 587, 993, 1023] {
            assert_eq!(error(&format!("https://example.com:{port}/")), Some(AddressError::Port), "{port}");
        }
    }

    #[test]
    fn internal_names_are_refused() {
        all_are(
            AddressError::InternalHost,
            &[
                "https://localhost/",
                "https://LOCALHOST./",
                "https://a.localhost/",
                "https://printer.local/",
                "https://printer.local./",
                "https://ip-10-0-0-1.ec2.internal/",
                "https://metadata.google.internal/",
                "https://1.0.0.127.in-addr.arpa/",
                "https://router.home.arpa/",
                "https://intranet/",
                "https://com/",
                "https://ｌｏｃａｌｈｏｓｔ/",
            ],
        );
    }

    #[test]
    fn literal_addresses_are_checked_as_the_parser_reads_them() {
        all_are(
            AddressError::PrivateAddress,
            &[
                "https://127.0.0.1/",
                "https://0x7f.1/",
                "https://2130706433/",
                "https://0177.0.0.1/",
                "https://１２７.0.0.1/",
                "https://127.0.0.1./",
                "https://169.254.169.254/",
                "https://[::1]/",
                "https://[::ffff:10.0.0.1]/",
                "https://[fd00:ec2::254]/",
            ],
        );
    }

    #[test]
    fn what_parsers_read_differently_is_no_url() {
        let label = "a".repeat(LABEL_MAX + 1);
        let name = format!("https://{}example.com/", "abcdefg.".repeat(HOST_NAME_MAX / 8));
        let long_label = format!("https://{label}.example.com/");
        all_are(
            AddressError::Invalid,
            &[
                "",
                "example.com",
                "//example.com/",
                "https:example.com",
                "https:/example.com",
                "https:///example.com/",
                "https://",
                "https://?a",
                "https://example.com\\@127.0.0.1/",
                "https:\\\\example.com/",
                " https://example.com/",
                "https://example.com/\n",
                "https://exa\tmple.com/",
                "https://exa\u{200b}mple.com/",
                "https://a b.example/",
                "https://example..com/",
                "https://example.com../",
                "https://.example.com/",
                "https://-example.com/",
                "https://example-.com/",
                "https://exam!ple.com/",
                "https://example.com:65536/",
                "https://256.1.1.1/",
                "https://[::1",
                "https://[fe80::1%25eth0]/",
                "javascript:alert(1)",
                &name,
                &long_label,
            ],
        );
    }

    #[test]
    fn a_url_is_counted_in_its_normal_form() {
        let longest = format!("https://example.com/{}", "a".repeat(URL_MAX - "https://example.com/".len()));
        assert_eq!(error(&longest), None);
        assert_eq!(error(&format!("{longest}a")), Some(AddressError::TooLong));
        assert_eq!(error(&format!("https://example.com/{}", "鶴".repeat(400))), Some(AddressError::TooLong));
    }

    #[test]
    fn the_local_stack_reaches_itself_and_nothing_else_that_is_not_public() {
        for url in
            ["http://127.0.0.1:3000/a", "http://localhost:3000/", "https://[::1]:3000/", "http://a.localhost:3000"]
        {
            assert!(check_url(url, LOCAL).is_ok(), "{url}");
        }
        assert_eq!(check_url("http://127.0.0.1:80/", LOCAL), Err(AddressError::Port));
        assert_eq!(check_url("https://10.0.0.1/", LOCAL), Err(AddressError::PrivateAddress));
        assert_eq!(check_url("https://printer.local/", LOCAL), Err(AddressError::InternalHost));
    }

    #[test]
    fn a_resolved_address_is_checked_too() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let url = check_url("https://example.com/", PUBLIC).expect("passes");
        assert!(url.may_reach(ip("1.1.1.1")) && !url.may_reach(ip("127.0.0.1")) && !url.may_reach(ip("10.0.0.1")));
        let url = check_url("https://example.com/", LOCAL).expect("passes");
        assert!(url.may_reach(ip("1.1.1.1")) && url.may_reach(ip("127.0.0.1")) && !url.may_reach(ip("10.0.0.1")));
        let url = check_url("http://localhost:3000/", LOCAL).expect("passes");
        assert!(!url.may_reach(ip("1.1.1.1")), "nothing leaves this machine without TLS");
        assert!(url.may_reach(ip("::1")) && !url.may_reach(ip("::ffff:127.0.0.1")));
    }

    #[test]
    fn the_sentences_name_the_limits_and_the_codes_differ() {
        assert!(AddressError::TooLong.to_string().contains(&URL_MAX.to_string()));
        let port = AddressError::Port.to_string();
        assert!(port.contains(&HTTPS_PORT.to_string()) && port.contains(&PORT_MIN.to_string()));
        let errors = [
            AddressError::TooLong,
            AddressError::Invalid,
            AddressError::HttpsRequired,
            AddressError::UserInfo,
            AddressError::Port,
            AddressError::InternalHost,
            AddressError::PrivateAddress,
        ];
        let codes: std::collections::BTreeSet<_> = errors.iter().map(|error| error.code()).collect();
        assert_eq!(codes.len(), errors.len());
    }
}
