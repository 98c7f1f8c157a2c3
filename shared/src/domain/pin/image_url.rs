//! What the URL of an image says about whether Pinterest can fetch it. Pinterest fetches the image when it publishes
//! the pin, so a URL that certainly fails is worth a word before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::failure::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageProblem {
    /// The host is reachable only from a private network, or from the client's own machine.
    PrivateHost,
    /// The URL opens a page that shows the image.
    SharePage,
    /// The file's ending is that of a format that Pinterest doesn't accept. The file may still be an image.
    Ending,
}

impl ImageProblem {
    pub fn failure(self) -> Failure {
        match self {
            Self::PrivateHost => Failure::ImageUnreachable,
            Self::SharePage | Self::Ending => Failure::ImageFormatUnsupported,
        }
    }

    pub fn message(self) -> &'static str {
        match self {
            Self::PrivateHost => "Pinterest can't reach the host of image_url: it is not a public host.",
            Self::SharePage => "image_url opens a page that shows the image. Pinterest needs the image file itself.",
            Self::Ending => "The address doesn't look like a picture that Pinterest takes.",
        }
    }

    pub fn remedy(self) -> &'static str {
        match self {
            Self::PrivateHost => "Put the image on a public web server, and send the URL there.",
            Self::SharePage => "Send the direct URL of the file, which opens the image without a page around it.",
            Self::Ending => "Send the URL of a JPEG or PNG image.",
        }
    }

    /// Whether Pinterest certainly refuses the image.
    pub fn is_certain(self) -> bool {
        self != Self::Ending
    }
}

/// Endings of URLs from which Pinterest accepts no image.
const NO_PICTURES: [&str; 8] = [".svg", ".heic", ".avif", ".pdf", ".mp4", ".mov", ".html", ".htm"];
/// Last labels of names that the public DNS doesn't resolve, or that private networks use (RFC 6761, 6762, 8375).
const PRIVATE_SUFFIXES: [&str; 11] =
    ["localhost", "local", "internal", "test", "invalid", "lan", "home", "corp", "intranet", "private", "home.arpa"];
/// Hosts and the paths of theirs that are pages. An empty path stands for all. `www.` and `m.` don't count.
const SHARE_PAGES: [(&str, &str); 26] = [
    ("1drv.ms", ""),
    ("onedrive.live.com", ""),
    ("drive.google.com", "/file/"),
    ("drive.google.com", "/open"),
    ("drive.google.com", "/drive/"),
    ("docs.google.com", ""),
    ("photos.google.com", ""),
    ("photos.app.goo.gl", ""),
    ("dropbox.com", ""),
    ("icloud.com", ""),
    ("share.icloud.com", ""),
    ("instagram.com", "/p/"),
    ("instagram.com", "/reel/"),
    ("facebook.com", "/photo"),
    ("facebook.com", "/share"),
    ("pin.it", ""),
    ("imgur.com", ""),
    ("unsplash.com", "/photos/"),
    ("pexels.com", "/photo/"),
    ("pixabay.com", "/photos/"),
    ("flickr.com", "/photos/"),
    ("flic.kr", ""),
    ("canva.com", "/design/"),
    ("wetransfer.com", ""),
    ("we.tl", ""),
    ("box.com", "/s/"),
];
/// What makes a link to a page the link to its file: a parameter, or the end of the path.
const DIRECT_PARAMETERS: [(&str, &str); 3] = [("raw", "1"), ("dl", "1"), ("download", "1")];
const DIRECT_ENDING: &str = "/download";
/// Hosts on which a path that ends as an image's is the image.
const IMAGES_BY_ENDING: [&str; 1] = ["imgur.com"];
const PICTURES: [&str; 5] = [".jpg", ".jpeg", ".png", ".gif", ".webp"];

/// What certainly or probably keeps Pinterest from fetching the image.
pub fn problem(image_url: &str) -> Option<ImageProblem> {
    let url = Url::parse(image_url).ok()?;
    let path = url.path().to_lowercase();
    let is_private = match url.host()? {
        Host::Domain(name) => is_private_name(name),
        Host::Ipv4(address) => is_private_v4(address),
        Host::Ipv6(address) => is_private_v6(address),
    };
    if is_private {
        Some(ImageProblem::PrivateHost)
    } else if is_share_page(&url, &path) {
        Some(ImageProblem::SharePage)
    } else {
        NO_PICTURES.iter().any(|ending| path.ends_with(ending)).then_some(ImageProblem::Ending)
    }
}

fn is_private_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let is_under = |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'));
    !name.contains('.') || PRIVATE_SUFFIXES.into_iter().any(is_under)
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // This network, the shared space of carriers, benchmarks, and what is reserved.
        || first == 0
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && (18..20).contains(&second))
        || first >= 240
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    if let IpAddr::V4(mapped) = IpAddr::V6(address).to_canonical() {
        return is_private_v4(mapped);
    }
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

fn is_share_page(url: &Url, path: &str) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let host = host.strip_prefix("www.").or_else(|| host.strip_prefix("m.")).unwrap_or(host);
    let is_direct = url.query_pairs().any(|(name, value)| DIRECT_PARAMETERS.contains(&(&*name, &*value)))
        || path.ends_with(DIRECT_ENDING)
        || (IMAGES_BY_ENDING.contains(&host) && PICTURES.iter().any(|ending| path.ends_with(ending)));
    // Pinterest has a host in many countries.
    let is_pin = host.split('.').any(|label| label == "pinterest") && path.starts_with("/pin/");
    let is_page = |(name, under): &(&str, &str)| *name == host && path.starts_with(under);
    is_pin || (!is_direct && SHARE_PAGES.iter().any(is_page))
}
