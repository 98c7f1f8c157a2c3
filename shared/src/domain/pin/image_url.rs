//! What the URL of an image says about whether Pinterest can fetch it. Pinterest fetches the image when it publishes
//! the pin, so a URL that certainly fails is reported when the pin is accepted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::PinRequest;
use super::failure::Failure;
use super::signed_url;
use crate::domain::time::Moment;

/// What keeps Pinterest from fetching an image. The results of imports store it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageProblem {
    /// The host is reachable only from a private network, or from the client's own machine.
    #[serde(rename = "h")]
    PrivateHost,
    /// The URL opens a page that shows the image.
    #[serde(rename = "p")]
    SharePage,
    /// The file's ending is that of a format that Pinterest doesn't accept. The file may still be an image.
    #[serde(rename = "e")]
    Ending,
    /// The URL is signed, and has expired.
    #[serde(rename = "x")]
    Expired,
    /// The URL is signed, and expires before the time up to which the pin may start.
    #[serde(rename = "s")]
    ExpiresSoon,
}

impl ImageProblem {
    /// The failure with which Pinterest would refuse the image.
    pub fn failure(self) -> Failure {
        match self {
            Self::PrivateHost | Self::Expired | Self::ExpiresSoon => Failure::ImageUnreachable,
            Self::SharePage | Self::Ending => Failure::ImageFormatUnsupported,
        }
    }

    /// One sentence for the user.
    pub fn message(self) -> &'static str {
        match self {
            Self::PrivateHost => "Pinterest can't reach the host of image_url: it is not a public host.",
            Self::SharePage => "image_url opens a page that shows the image. Pinterest needs the image file itself.",
            Self::Ending => "The address doesn't look like a picture that Pinterest takes.",
            Self::Expired => "image_url is a signed URL that has expired: Pinterest can't fetch the image.",
            Self::ExpiresSoon => {
                "image_url is a signed URL that expires before the pin's run_at or publish_before: Pinterest fetches \
                 the image only when it publishes the pin."
            }
        }
    }

    /// What the user can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::PrivateHost => "Put the image on a public web server, and send the URL there.",
            Self::SharePage => "Send the direct URL of the file, which opens the image without a page around it.",
            Self::Ending => "Send the URL of a JPEG or PNG image.",
            Self::Expired => "Sign the URL again, or send the URL of a public image.",
            Self::ExpiresSoon => "Send a URL that works for longer than that, or the URL of a public image.",
        }
    }

    /// Whether Pinterest certainly refuses the image.
    pub fn is_certain(self) -> bool {
        !matches!(self, Self::Ending | Self::ExpiresSoon)
    }

    /// Whether it depends on the time of the pin.
    pub fn is_of_time(self) -> bool {
        matches!(self, Self::Expired | Self::ExpiresSoon)
    }
}

/// Endings of URLs from which Pinterest accepts no image.
const NO_PICTURES: [&str; 8] = [".svg", ".heic", ".avif", ".pdf", ".mp4", ".mov", ".html", ".htm"];
/// Ends of names that the public DNS doesn't resolve, or that private networks use (RFC 6761, 6762, 7686, 8375).
const PRIVATE_SUFFIXES: [&str; 16] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "test",
    "invalid",
    "onion",
    "i2p",
    "lan",
    "home",
    "corp",
    "intranet",
    "private",
    "home.arpa",
    // Services within a cluster.
    "svc",
    "fritz.box",
];
/// Public names, and all under them, that mean the machine itself.
const LOOPBACK_NAMES: [&str; 7] =
    ["localtest.me", "localdev.me", "lvh.me", "vcap.me", "lacolhost.com", "fuf.me", "local.gd"];
/// Names under these mean the address that is written in them: `192.168.1.1.nip.io`, `app-10-0-0-7.sslip.io`.
const ADDRESSES_BY_NAME: [&str; 6] = ["nip.io", "sslip.io", "xip.io", "traefik.me", "local-ip.co", "local-ip.sh"];
/// Labels before a host that don't make it another one.
const SAME_HOST: [&str; 6] = ["www.", "m.", "app.", "mobile.", "web.", "l."];

/// Hosts whose pages show an image or a file.
struct Family {
    hosts: &'static [&'static str],
    /// Whether every host under these belongs to the family: those of tenants.
    has_tenants: bool,
    pages: Pages,
    /// Whether a parameter, such as `raw=1`, makes the link to a page the link to its file.
    has_direct_links: bool,
}

/// Which paths of a host are pages.
enum Pages {
    All,
    /// All but `/name.jpg`, which is the image.
    ButImages,
    /// Paths that begin with one of these.
    Under(&'static [&'static str]),
    /// Paths that contain one of these.
    Holding(&'static [&'static str]),
}

const fn family(hosts: &'static [&'static str], pages: Pages) -> Family {
    Family { hosts, has_tenants: false, pages, has_direct_links: false }
}

impl Family {
    const fn with_tenants(self) -> Self {
        Self { has_tenants: true, ..self }
    }

    const fn with_direct_links(self) -> Self {
        Self { has_direct_links: true, ..self }
    }

    fn has_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| host == *own || (self.has_tenants && is_under(host, own)))
    }

    fn has_page(&self, path: &str) -> bool {
        match &self.pages {
            Pages::All => true,
            Pages::ButImages => path.rfind('/') != Some(0) || !is_picture(path),
            Pages::Under(starts) => starts.iter().any(|start| path.starts_with(start)),
            Pages::Holding(parts) => parts.iter().any(|part| path.contains(part)),
        }
    }
}

/// The families that are known. Hosts that serve only files, such as `i.imgur.com`, are not among them.
const SHARE_PAGES: &[Family] = &[
    // Files in a cloud.
    family(&["1drv.ms", "onedrive.live.com"], Pages::All).with_direct_links(),
    family(&["sharepoint.com", "sharepoint.cn", "sharepoint.us"], Pages::Under(&["/:"]))
        .with_tenants()
        .with_direct_links(),
    family(&["drive.google.com"], Pages::Under(&["/file/", "/open", "/drive/", "/folders/"])),
    family(
        &["docs.google.com"],
        Pages::Under(&["/document/", "/spreadsheets/", "/presentation/", "/drawings/", "/forms/", "/file/", "/open"]),
    ),
    family(&["photos.google.com", "photos.app.goo.gl"], Pages::All),
    family(&["dropbox.com", "db.tt"], Pages::All).with_direct_links(),
    family(&["icloud.com", "icloud.com.cn"], Pages::All).with_tenants(),
    family(&["box.com"], Pages::Under(&["/s/", "/v/", "/file/", "/folder/", "/embed/"]))
        .with_tenants()
        .with_direct_links(),
    family(&["wetransfer.com", "we.tl", "mega.nz", "mega.io"], Pages::All),
    family(&["pcloud.link", "terabox.com"], Pages::All).with_tenants(),
    family(&["disk.yandex.com", "disk.yandex.ru", "yadi.sk"], Pages::All),
    family(&["cloud.mail.ru"], Pages::Under(&["/public/"])),
    family(&["mediafire.com"], Pages::Under(&["/file/", "/view/", "/folder/"])),
    // Repositories and designs.
    family(&["github.com"], Pages::Holding(&["/blob/", "/tree/"])).with_direct_links(),
    family(&["gitlab.com"], Pages::Holding(&["/-/blob/", "/-/tree/"])),
    family(&["bitbucket.org"], Pages::Holding(&["/src/"])),
    family(&["figma.com"], Pages::Under(&["/file/", "/design/", "/proto/", "/board/"])),
    family(&["canva.com"], Pages::Under(&["/design/"])),
    family(&["canva.link"], Pages::All),
    // Posts.
    family(&["instagram.com"], Pages::Holding(&["/p/", "/reel/", "/reels/", "/tv/", "/stories/"])),
    family(
        &["facebook.com", "fb.com"],
        Pages::Under(&["/photo", "/share", "/permalink", "/story.php", "/groups/", "/media/", "/events/", "/reel/"]),
    )
    .with_tenants(),
    family(&["facebook.com"], Pages::Holding(&["/posts/", "/photos/", "/videos/"])).with_tenants(),
    family(&["fb.watch", "fb.me"], Pages::All),
    family(&["x.com", "twitter.com"], Pages::Holding(&["/status/", "/statuses/"])),
    family(&["t.co", "pin.it", "youtu.be"], Pages::All),
    family(&["youtube.com"], Pages::Under(&["/watch", "/shorts/", "/playlist"])),
    family(&["tiktok.com"], Pages::Holding(&["/video/", "/photo/"])),
    family(&["reddit.com"], Pages::Holding(&["/comments/", "/gallery/"])),
    family(&["threads.net", "threads.com", "tumblr.com"], Pages::Holding(&["/post/"])).with_tenants(),
    family(&["linkedin.com"], Pages::Under(&["/posts/", "/feed/"])),
    // Galleries.
    family(&["imgur.com", "gyazo.com"], Pages::ButImages),
    family(&["ibb.co", "imgbb.com", "postimg.cc", "postimages.org", "prnt.sc", "pasteboard.co", "flic.kr"], Pages::All),
    family(&["unsplash.com", "pixabay.com", "flickr.com"], Pages::Under(&["/photos/", "/illustrations/", "/vectors/"])),
    family(&["pexels.com", "500px.com"], Pages::Under(&["/photo/"])),
    family(&["behance.net", "dribbble.com"], Pages::Under(&["/gallery/", "/shots/"])),
    family(&["deviantart.com"], Pages::Holding(&["/art/"])),
];
/// What makes a link to a page the link to its file: a parameter, or the end of the path.
const DIRECT_PARAMETERS: [&str; 3] = ["raw", "dl", "download"];
const DIRECT_ENDINGS: [&str; 3] = ["/download", "/pub", "/export/png"];
const PICTURES: [&str; 5] = [".jpg", ".jpeg", ".png", ".gif", ".webp"];
/// Pinterest's own host has a name in many countries: `pinterest.de`, `pinterest.co.uk`.
const PINTEREST: &str = "pinterest";
const SECOND_LEVELS: [&str; 2] = ["co", "com"];
/// How long a country's label before it is (`de.pinterest.com`); [`SAME_HOST`] has the other labels of its pages.
const COUNTRY_LENGTHS: [usize; 2] = [2, 5];

/// What certainly or probably keeps Pinterest from fetching the image of the request, which is to start at `run_at`, if
/// it has such a time.
pub fn problem_of(request: &PinRequest, run_at: Option<Moment>, now: Moment) -> Option<ImageProblem> {
    problem(&request.image_url, now, request.publish_before.or(run_at))
}

/// What certainly or probably keeps Pinterest from fetching the image now or, if it is needed for longer, until then.
fn problem(image_url: &str, now: Moment, until: Option<Moment>) -> Option<ImageProblem> {
    let url = Url::parse(image_url).ok()?;
    let path = url.path().to_lowercase();
    let is_private = match url.host()? {
        Host::Domain(name) => is_private_name(name),
        Host::Ipv4(address) => is_private_v4(address),
        Host::Ipv6(address) => is_private_v6(address),
    };
    // Nothing listens on port 0.
    if is_private || url.port() == Some(0) {
        Some(ImageProblem::PrivateHost)
    } else if is_share_page(&url, &path) {
        Some(ImageProblem::SharePage)
    } else {
        let ends_by = |moment: Moment| signed_url::expires_at(&url).is_some_and(|end| end <= moment);
        if ends_by(now) {
            Some(ImageProblem::Expired)
        } else if until.is_some_and(ends_by) {
            Some(ImageProblem::ExpiresSoon)
        } else {
            NO_PICTURES.iter().any(|ending| path.ends_with(ending)).then_some(ImageProblem::Ending)
        }
    }
}

fn is_under(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))
}

fn is_private_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let is_in = |suffix: &&str| name == *suffix || is_under(name, suffix);
    !name.contains('.')
        || PRIVATE_SUFFIXES.iter().chain(&LOOPBACK_NAMES).any(is_in)
        || ADDRESSES_BY_NAME.iter().filter(|suffix| is_in(suffix)).any(|suffix| {
            let written = name.strip_suffix(suffix).unwrap_or_default().trim_end_matches('.');
            written_address(written).is_some_and(is_private_address)
        })
}

/// The address in a name: `192.168.1.1`, `app-192-168-1-1`, `c0a80101` or, with IPv6, `fe80--1`. The last one counts.
fn written_address(name: &str) -> Option<IpAddr> {
    let parts: Vec<&str> = name.split(['.', '-']).collect();
    let decimal = parts.windows(4).rev().find_map(|four| four.join(".").parse::<Ipv4Addr>().ok());
    let last = name.rsplit('.').next().unwrap_or_default();
    let of_hex = |part: &&str| (part.len() == 8).then(|| u32::from_str_radix(part, 16).ok()).flatten();
    let hex = || parts.last().and_then(of_hex).map(Ipv4Addr::from);
    let v6 = || last.replace('-', ":").parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    decimal.or_else(hex).map(IpAddr::V4).or_else(v6)
}

fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // This network, the shared space of carriers, protocols, relays, benchmarks, and what is reserved.
        || first == 0
        || (first == 100 && (64..128).contains(&second))
        || [[192, 0, 0], [192, 88, 99]].contains(&[first, second, third])
        || (first == 198 && (18..20).contains(&second))
        || first >= 240
}

/// Whether an address isn't one of the public internet: `2000::/3`, without what protocols and documents use. An
/// address that carries an IPv4 address is as public as that.
fn is_private_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, fourth, fifth, sixth, seventh, eighth] = address.segments();
    let v4 = |high: u16, low: u16| is_private_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match [first, second, third, fourth, fifth, sixth] {
        // Mapped, translated (NAT64), and 6to4.
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(seventh, eighth),
        [0x2002, high, low, ..] => v4(high, low),
        [0x2001, 0xdb8 | 0..=0x1ff, ..] | [0x3fff, 0..=0xfff, ..] => true,
        _ => first & 0xe000 != 0x2000,
    }
}

fn is_picture(path: &str) -> bool {
    PICTURES.iter().any(|ending| path.ends_with(ending))
}

fn is_share_page(url: &Url, path: &str) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let bare = SAME_HOST.iter().find_map(|label| host.strip_prefix(label)).unwrap_or(host);
    // Google counts the accounts of a browser in the path.
    let path = without_account(path);
    let has_file = url.query_pairs().any(|(name, value)| DIRECT_PARAMETERS.contains(&&*name) && is_yes(&value));
    let is_direct = DIRECT_ENDINGS.iter().any(|ending| path.ends_with(ending));
    let is_page = |family: &Family| {
        (family.has_host(bare) || family.has_host(host))
            && family.has_page(path)
            && !(family.has_direct_links && has_file)
            && !is_direct
    };
    is_pinterest(bare, path) || SHARE_PAGES.iter().any(is_page)
}

fn is_yes(value: &str) -> bool {
    matches!(value, "1" | "true")
}

/// `/u/0/file/…` without `/u/0`.
fn without_account(path: &str) -> &str {
    let rest = path.strip_prefix("/u/").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// Whether it is a page of Pinterest's: a Pin, a board or a profile.
fn is_pinterest(host: &str, path: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let Some(at) = labels.iter().position(|label| *label == PINTEREST) else { return false };
    let is_top = match &labels[at + 1..] {
        [_] => true,
        [second, _] => SECOND_LEVELS.contains(second),
        _ => false,
    };
    let is_country = at == 0 || (at == 1 && COUNTRY_LENGTHS.contains(&labels[0].len()));
    is_top && is_country && (path.starts_with("/pin/") || !is_picture(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(image_url: &str) -> Option<ImageProblem> {
        super::problem(image_url, Moment(0), None)
    }

    #[test]
    fn what_is_not_of_the_public_internet_is_told_however_it_is_written() {
        for host in [
            "[::127.0.0.1]",
            "[2002:7f00:1::]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::1]",
            "[2001:db8::1]",
            "[2001::1]",
            "[3fff::1]",
            "[fec0::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[ff02::1]",
            "[::]",
            "[100::1]",
            "[::ffff:10.0.0.1]",
            "192.0.0.8",
            "192.88.99.1",
            "255.255.255.255",
            "x.onion",
            "x.i2p",
            "a.localdomain",
            "local",
            "192.168.1.1.nip.io",
            "app.192.168.1.1.nip.io",
            "app-192-168-1-1.sslip.io",
            "10.0.0.1.xip.io",
            "c0a80101.nip.io",
            "--1.sslip.io",
            "fe80--1.sslip.io",
            "127.0.0.1.sslip.io.",
            "localtest.me",
            "app.lvh.me",
            "localdev.me",
            "kubernetes.default.svc",
            "10-0-0-1.my.local-ip.co",
            "example.com:0",
        ] {
            let url = format!("https://{host}/a.jpg");
            assert_eq!(problem(&url), Some(ImageProblem::PrivateHost), "{url}");
        }
        for host in [
            "[2606:4700::1]",
            "[2002:808:808::]",
            "[64:ff9b::8.8.8.8]",
            "[::ffff:8.8.8.8]",
            "192.0.1.1",
            "8.8.8.8",
            "8.8.8.8.nip.io",
            "nip.io",
            "www.sslip.io",
            "08080808.nip.io",
            "onion.example.com",
            "[2001:4860::1]",
        ] {
            let url = format!("https://{host}/a.jpg");
            assert_eq!(problem(&url), None, "{url}");
        }
    }

    #[test]
    fn a_page_that_shows_an_image_is_told_by_the_family_of_its_host() {
        for address in [
            "app.box.com/s/abc",
            "acme.box.com/s/abc",
            "acme.app.box.com/file/1",
            "app.dropbox.com/s/abc/a.jpg",
            "drive.google.com/u/0/file/d/1/view",
            "drive.google.com/u/12/open?id=1",
            "github.com/a/b/blob/main/a.png",
            "m.github.com/a/b/blob/main/a.png",
            "gitlab.com/a/b/-/blob/main/a.png",
            "ibb.co/abc",
            "postimg.cc/abc",
            "postimg.cc/abc/def",
            "x.com/a/status/1",
            "x.com/a/status/1/photo/1",
            "twitter.com/a/status/1",
            "mobile.twitter.com/a/status/1/photo/1",
            "acme.sharepoint.com/:i:/s/a/b",
            "acme-my.sharepoint.com/:i:/g/personal/a",
            "figma.com/file/abc",
            "www.figma.com/design/abc",
            "imgur.com/gallery/x.jpg",
            "imgur.com/a/b",
            "canva.com/design/abc/view",
            "icloud.com/photos/#1",
            "icloud.com.cn/photos",
            "www.icloud.com.cn/photos",
            "share.icloud.com/photos/a",
            "pinterest.com/user/board/",
            "www.pinterest.co.uk/user/board/",
            "de.pinterest.com/user/",
            "pinterest.de/pin/1.jpg",
            "facebook.com/permalink.php?story_fbid=1",
            "web.facebook.com/a/posts/1",
            "m.facebook.com/photo.php?fbid=1",
            "www.instagram.com/someone/p/abc/",
            "t.co/abc",
            "docs.google.com/drawings/d/1/edit",
            "x.com/a/status/1?raw=1",
        ] {
            let url = format!("https://{address}");
            assert_eq!(problem(&url), Some(ImageProblem::SharePage), "{url}");
        }
        for address in [
            "i.ibb.co/abc/a.jpg",
            "i.postimg.cc/abc/a.jpg",
            "pbs.twimg.com/media/a.jpg",
            "netflix.com/a/status/1",
            "raw.githubusercontent.com/a/b/main/a.png",
            "github.com/a/b/raw/main/a.png",
            "github.com/a/b/blob/main/a.png?raw=true",
            "acme.sharepoint.com/:i:/s/a?download=1",
            "acme.sharepoint.com/sites/a/b.jpg",
            "imgur.com/abc.jpg",
            "i.imgur.com/a/b.jpg",
            "dl.dropbox.com/s/a/b.jpg",
            "box.com/shared/static/a.jpg",
            "dropbox.com/s/abc/a.jpg?raw=1",
            "i.pinimg.com/originals/a.jpg",
            "pinterest.example.com/a",
            "images.pinterest.example.com/pin/1",
            "notpinterest.com/user/board/",
            "docs.google.com/drawings/d/1/pub?w=9",
            "drive.google.com/uc?id=1",
            "unsplash.com/photos/a/download",
            "graph.facebook.com/1/picture",
            "mybox.com/s/a.jpg",
        ] {
            let url = format!("https://{address}");
            assert_eq!(problem(&url), None, "{url}");
        }
    }

    #[test]
    fn only_the_ending_of_a_file_is_a_guess() {
        assert_eq!(problem("https://example.com/a.SVG"), Some(ImageProblem::Ending));
        assert!(!ImageProblem::Ending.is_certain() && ImageProblem::SharePage.is_certain());
    }

    #[test]
    fn a_signed_url_is_told_if_it_has_expired_or_will_before_it_is_needed() {
        let end = Moment(1_767_225_600_000);
        let (expired, soon) = (Some(ImageProblem::Expired), Some(ImageProblem::ExpiresSoon));
        for (ending, otherwise) in [(".jpg", None), (".svg", Some(ImageProblem::Ending))] {
            let url = format!("https://example.com/a{ending}?Expires=1767225600&Signature=a");
            for (now, until, wanted) in [
                (end, None, expired),
                (end.plus_ms(1), Some(end.plus_ms(2)), expired),
                (end.plus_ms(-1), None, otherwise),
                (end.plus_ms(-2), Some(end.plus_ms(-1)), otherwise),
                (end.plus_ms(-2), Some(end), soon),
                (end.plus_ms(-2), Some(end.plus_ms(9)), soon),
            ] {
                assert_eq!(super::problem(&url, now, until), wanted, "{url} {now:?} {until:?}");
            }
        }
        let local = "https://localhost/a.jpg?Expires=1767225600&Signature=a";
        assert_eq!(super::problem(local, end, None), Some(ImageProblem::PrivateHost));
        assert!(ImageProblem::Expired.is_certain() && !ImageProblem::ExpiresSoon.is_certain());
    }
}
