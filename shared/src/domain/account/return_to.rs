//! Where the browser goes after a connection: an address of the integrator's, whose origin the operator has allowed.
//! Any other address would make this API an open redirect, which lends its name to a stranger's page.

use std::str::FromStr;

use url::Url;

/// The longest `return_to`, in characters.
pub const RETURN_TO_MAX: usize = 2_048;
/// The longest `client_state`, in characters.
pub const CLIENT_STATE_MAX: usize = 512;
/// The most origins of the setting.
const ORIGINS_MAX: usize = 100;
/// The hosts of this machine, on which `http` is private.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The origins to which a browser may be sent. Without one, it is sent nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReturnOrigins(Vec<String>);

impl FromStr for ReturnOrigins {
    type Err = ();

    /// Reads origins separated by commas. An origin is exact: it has a scheme and a host, and neither a path nor a
    /// wildcard. `http` is allowed on this machine only.
    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.len() > ORIGINS_MAX {
            return Err(());
        }
        parts.into_iter().map(origin).collect::<Option<Vec<String>>>().map(Self).ok_or(())
    }
}

/// The normal form of an origin.
fn origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let is_bare = !rest.trim_end_matches('/').contains(['/', '?', '#', '@', '*', '\\']);
    let url = Url::parse(text).ok().filter(|_| is_bare)?;
    let is_private = scheme.eq_ignore_ascii_case("https") || LOOPBACK.contains(&url.host_str()?);
    is_private.then(|| url.origin().ascii_serialization())
}

/// An address with an allowed origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(Url);

/// Why a browser is not sent to the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoReturn {
    /// It is no absolute `http` or `https` address, is too long, or contains a user name.
    NotAnAddress,
    /// The operator hasn't allowed this origin.
    NotAllowed { origin: String },
}

impl ReturnTo {
    /// Reads an address as browsers do, so that its origin is the one to which a browser would go.
    ///
    /// # Errors
    /// When the browser must not be sent there.
    pub fn parse(text: &str, allowed: &ReturnOrigins) -> Result<Self, NoReturn> {
        let url = Url::parse(text.trim()).map_err(|_| NoReturn::NotAnAddress)?;
        let is_web = matches!(url.scheme(), "http" | "https");
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !is_web || has_user || text.chars().count() > RETURN_TO_MAX {
            return Err(NoReturn::NotAnAddress);
        }
        let origin = url.origin().ascii_serialization();
        if allowed.0.contains(&origin) { Ok(Self(url)) } else { Err(NoReturn::NotAllowed { origin }) }
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port, as a browser writes them.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host, as a person reads it.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The address with these parameters. They replace parameters of the same names, so that nobody can write a result
    /// into the address beforehand.
    pub fn with(&self, results: &[(&str, &str)]) -> String {
        let is_result = |name: &str| RESULTS.contains(&name);
        let kept: Vec<(String, String)> =
            self.0.query_pairs().filter(|(name, _)| !is_result(name)).map(|(n, v)| (n.into(), v.into())).collect();
        let mut url = self.0.clone();
        url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(results);
        url.into()
    }
}

/// The names of the parameters with which a browser returns.
pub const RESULTS: [&str; 5] = ["status", "account_id", "missing_scopes", "error", "client_state"];

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> ReturnOrigins {
        "https://app.example.com, http://localhost:3000,https://b\u{fc}cher.example:8443/".parse().expect("origins")
    }

    #[test]
    fn an_origin_is_exact() {
        for good in ["", " , ", "https://app.example.com", "HTTPS://App.Example.com:443", "http://127.0.0.1:3000"] {
            assert!(good.parse::<ReturnOrigins>().is_ok(), "{good}");
        }
        let bad = [
            "app.example.com",
            "https://",
            "https://*.example.com",
            "https://app.example.com/callback",
            "https://app.example.com?x",
            "https://me@app.example.com",
            "http://app.example.com",
            "http://localhost.example.com",
            "javascript://x",
            "file:///tmp",
            "*",
        ];
        for bad in bad {
            assert_eq!(bad.parse::<ReturnOrigins>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn only_an_address_of_an_allowed_origin_is_returned_to() {
        let good = [
            "https://app.example.com",
            "https://APP.example.com:443/a/b?customer=7#x",
            "http://localhost:3000/done",
            "https://xn--bcher-kva.example:8443/",
        ];
        for good in good {
            assert!(ReturnTo::parse(good, &allowed()).is_ok(), "{good}");
        }
        let elsewhere = [
            "https://evil.example",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.example",
            "https://evil.example/https://app.example.com",
            "https://sub.app.example.com",
            "https://evil.example#@app.example.com",
            "https:evil.example",
            "https:\\\\evil.example\\@app.example.com",
            "http://localhost:3001",
            "http://127.0.0.1:3000",
        ];
        for elsewhere in elsewhere {
            let refused = ReturnTo::parse(elsewhere, &allowed());
            assert!(matches!(refused, Err(NoReturn::NotAllowed { .. })), "{elsewhere}: {refused:?}");
        }
        let long = format!("https://app.example.com/{}", "a".repeat(RETURN_TO_MAX));
        let no_addresses = [
            "",
            "/done",
            "//app.example.com",
            "app.example.com/done",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://app.example.com@evil.example/",
            "https://me:pw@app.example.com/",
            long.as_str(),
        ];
        for none in no_addresses {
            assert_eq!(ReturnTo::parse(none, &allowed()), Err(NoReturn::NotAnAddress), "{none}");
        }
        assert!(ReturnTo::parse("https://app.example.com", &ReturnOrigins::default()).is_err(), "none is allowed");
    }

    #[test]
    fn results_are_added_and_cant_be_written_beforehand() {
        let to = "https://app.example.com/done?customer=7&account_id=forged&status=connected&client_state=x#top";
        let to = ReturnTo::parse(to, &allowed()).expect("allowed");
        let url = to.with(&[("status", "failed"), ("error", "oauth_denied"), ("client_state", "a&b=c #1")]);
        let wanted = "https://app.example.com/done?customer=7&status=failed&error=oauth_denied\
                      &client_state=a%26b%3Dc+%231#top";
        assert_eq!(url, wanted);
        let bare = ReturnTo::parse("https://app.example.com", &allowed()).expect("allowed");
        assert_eq!(bare.with(&[("status", "connected")]), "https://app.example.com/?status=connected");
        assert_eq!((bare.origin().as_str(), bare.host()), ("https://app.example.com", "app.example.com"));
    }
}
