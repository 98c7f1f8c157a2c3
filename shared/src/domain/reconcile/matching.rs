//! Matching Pins on a board with requests. Pins carry no mark of this system, so content, board and creation time
//! identify them.

use serde::{Deserialize, Serialize};

use super::equivalence::{self, Keys};
use crate::domain::deadlines::Deadlines;
use crate::domain::pin::PinRequest;
use crate::domain::time::Moment;

/// A Pin as a board's list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardPin {
    pub id: String,
    pub created_at: Option<Moment>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub link: Option<String>,
}

/// The period in which a call that was announced at `started_at` may have created its Pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Moment,
    pub until: Moment,
}

impl Window {
    pub fn of(started_at: Moment, deadlines: &Deadlines) -> Self {
        // Pinterest's times are whole seconds, so the window begins a second earlier.
        Self {
            from: started_at.plus_ms(-deadlines.clock_skew_ms - 1_000),
            until: started_at.plus_ms(deadlines.quiesce_ms + deadlines.clock_skew_ms),
        }
    }

    /// A Pin without a readable creation time may be ours.
    pub fn may_contain(&self, created_at: Option<Moment>) -> bool {
        created_at.is_none_or(|at| self.from <= at && at <= self.until)
    }
}

/// Whether a Pin on the board could be the requested one.
///
/// Lenient on purpose: mistaking another's Pin for ours ends in a question to a person, but missing ours ends in a
/// duplicate. A field that either side lacks doesn't distinguish them, and neither does a description that was cut
/// short. Titles and links are within Pinterest's limits and aren't cut: "Part 1" is not the beginning of "Part 12".
/// They may be written in another way ([`equivalence`](super::equivalence)).
pub fn could_be(request: &PinRequest, candidate: &BoardPin, window: Window) -> bool {
    // The cheapest comparison comes first: lists are long, and most Pins aren't ours.
    window.may_contain(candidate.created_at)
        && agree(&title(request, candidate))
        && agree(&link(request, candidate))
        && is_whole_or_cut(request.description.as_deref(), candidate.description.as_deref())
}

/// How well a Pin on the board matches the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Every field is the same, perhaps written in another way.
    Same,
    /// The description is cut short or left out, as Pinterest may do.
    Less,
    /// It shows a field that was not sent, or lacks a title or link that was: the request can't be identified from it.
    Vague,
}

/// Compares a Pin that could match (see [`could_be`]) with the request.
pub fn likeness(request: &PinRequest, candidate: &BoardPin) -> Likeness {
    let exact = |pair: &Pair| if is_same(pair) { Likeness::Same } else { Likeness::Vague };
    let description = match description(request, candidate) {
        pair if is_same(&pair) => Likeness::Same,
        (ours, _) if ours.is_empty() => Likeness::Vague,
        _ => Likeness::Less,
    };
    exact(&title(request, candidate)).max(exact(&link(request, candidate))).max(description)
}

/// Whether the Pin's link shows the query that was asked for. It may only rank Pins that could be the requested one:
/// Pinterest appends to queries, and drops them.
pub fn is_query_shown(request: &PinRequest, candidate: &BoardPin) -> bool {
    let query = |link: Option<&str>| link.and_then(equivalence::query);
    query(request.link_url.as_deref()).is_some_and(|ours| query(candidate.link.as_deref()) == Some(ours))
}

/// What our value and theirs are compared by; no keys when there is nothing to compare.
type Pair = (Keys, Keys);

fn pair(keys: fn(&str) -> Keys, ours: Option<&str>, theirs: Option<&str>) -> Pair {
    (ours.map(keys).unwrap_or_default(), theirs.map(keys).unwrap_or_default())
}

fn title(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(Keys::of_text, Some(&request.title), candidate.title.as_deref())
}

fn description(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(Keys::of_text, request.description.as_deref(), candidate.description.as_deref())
}

fn link(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(Keys::of_link, request.link_url.as_deref(), candidate.link.as_deref())
}

fn agree((ours, theirs): &Pair) -> bool {
    ours.is_empty() || theirs.is_empty() || ours.meets(theirs)
}

fn is_same((ours, theirs): &Pair) -> bool {
    (ours.is_empty() && theirs.is_empty()) || ours.meets(theirs)
}

fn is_whole_or_cut(ours: Option<&str>, theirs: Option<&str>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => equivalence::may_be_cut(ours, theirs),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;

    const START: Moment = Moment(10_000_000);

    fn candidate() -> BoardPin {
        let request = testdata::pin().request;
        BoardPin {
            id: "1".into(),
            created_at: Some(START.plus_ms(2_000)),
            title: Some(request.title),
            description: request.description,
            link: request.link_url,
        }
    }

    fn window() -> Window {
        Window::of(START, &Deadlines::default())
    }

    fn fits(candidate: &BoardPin) -> bool {
        could_be(&testdata::pin().request, candidate, window())
    }

    #[test]
    fn the_pin_itself_fits_and_so_does_its_normalised_form() {
        assert!(fits(&candidate()));
        let request = testdata::pin().request;
        let normalised = BoardPin {
            title: Some(format!("  {} ", request.title.to_uppercase())),
            link: request.link_url.map(|link| format!("{}/?utm_source=pinterest", link.replace("https", "http"))),
            description: request.description.map(|text| text.chars().take(20).collect()),
            ..candidate()
        };
        assert!(fits(&normalised));
        assert_eq!(likeness(&testdata::pin().request, &normalised), Likeness::Less);
        let bare = BoardPin { created_at: None, title: None, description: None, ..candidate() };
        assert!(fits(&bare));
        assert_eq!(likeness(&testdata::pin().request, &bare), Likeness::Vague);
    }

    #[test]
    fn another_title_link_or_time_does_not_fit() {
        assert!(!fits(&BoardPin { title: Some("Something else".into()), ..candidate() }));
        assert!(!fits(&BoardPin { title: Some("Ten ways to fold a paper".into()), ..candidate() }), "a shorter title");
        assert!(!fits(&BoardPin { link: Some("https://example.com/other".into()), ..candidate() }));
        assert!(!fits(&BoardPin { created_at: Some(START.plus_ms(-60_000)), ..candidate() }));
        assert!(!fits(&BoardPin { created_at: Some(START.plus_ms(131_000)), ..candidate() }));
    }

    #[test]
    fn whole_second_times_of_an_immediate_commit_fit() {
        let deadlines = Deadlines { clock_skew_ms: 0, ..Deadlines::default() };
        let window = Window::of(Moment(10_000_900), &deadlines);
        assert!(window.may_contain(Some(Moment(10_000_000))));
    }

    fn asked(title: &str, link: &str, description: &str) -> PinRequest {
        PinRequest {
            title: title.into(),
            link_url: Some(link.into()),
            description: Some(description.into()),
            ..testdata::request("k")
        }
    }

    fn shown(title: &str, link: &str, description: &str) -> BoardPin {
        BoardPin {
            title: Some(title.into()),
            link: Some(link.into()),
            description: Some(description.into()),
            ..candidate()
        }
    }

    const LINK: &str = "https://example.com/a";
    const TEXT: &str = "Patience, paper and a steady hand.";

    /// Links that were sent, and how a board may list them, by the way in which they differ.
    const SAME_LINKS: [(&str, &str, &str); 58] = [
        ("percent-encoded", "https://example.com/a(b)", "https://example.com/a%28b%29"),
        ("percent-encoded", "https://example.com/it's", "https://example.com/it%27s"),
        ("percent-encoded", "https://example.com/a,b;c=d", "https://example.com/a%2Cb%3Bc%3Dd"),
        ("percent-encoded", "https://example.com/~me", "https://example.com/%7Eme"),
        ("percent-encoded", "https://example.com/a", "https://example.com/%61"),
        ("percent-encoded, lower case", "https://example.com/%C3%A9", "https://example.com/%c3%a9"),
        (
            "percent-encoded, lower case",
            "https://example.com/%E6%8A%98/%E9%B6%B4",
            "https://example.com/%e6%8a%98/%e9%b6%b4",
        ),
        ("percent-encoded twice", "https://example.com/a%20b", "https://example.com/a%2520b"),
        ("percent-encoded as a whole", "https://example.com/a?b=c", "https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc"),
        ("percent-decoded", "https://example.com/caf%C3%A9", "https://example.com/café"),
        ("percent-decoded", "https://example.com/%E6%8A%98%E3%82%8A%E9%B6%B4", "https://example.com/折り鶴"),
        ("percent-decoded", "https://example.com/%F0%9F%A6%A2", "https://example.com/🦢"),
        ("percent-decoded", "https://example.com/a%20b", "https://example.com/a b"),
        ("percent-decoded", "https://example.com/a%20", "https://example.com/a "),
        ("percent-decoded", "https://example.com/a%2Fb", "https://example.com/a/b"),
        ("percent-decoded", "https://example.com/why%3F", "https://example.com/why?"),
        ("percent-decoded", "https://example.com/c%23", "https://example.com/c#"),
        ("percent-decoded", "https://example.com/100%25", "https://example.com/100%"),
        ("percent-decoded", "https://example.com/a%26b", "https://example.com/a&b"),
        ("percent-decoded to bytes", "https://example.com/%FF", "https://example.com/\u{fffd}"),
        ("Unicode host", "https://xn--bcher-kva.example/a", "https://bücher.example/a"),
        ("Unicode host", "https://xn--fiqs8s/a", "https://中国/a"),
        ("Unicode host", "https://xn--e1afmkfd.xn--p1ai/a", "https://пример.рф/a"),
        ("Unicode host", "https://xn--bcher-kva.example/a", "https://BU\u{308}CHER.example/a"),
        ("Unicode host", "https://www.xn--bcher-kva.example:443/a", "https://bücher.example/a"),
        ("punycode", "https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        ("punycode", "https://faß.example/a", "https://xn--fa-hia.example/a"),
        ("punycode", "https://例え.テスト/a", "https://xn--r8jz45g.xn--zckzah/a"),
        ("full-width host", "https://example.com/a", "https://ｅｘａｍｐｌｅ．ｃｏｍ/a"),
        ("without the port", "https://example.com:443/a", "https://example.com/a"),
        ("without the port", "http://example.com:80/a", "http://example.com/a"),
        ("without the port", "https://example.com:/a", "https://example.com/a"),
        ("with the port", "https://example.com/a", "https://example.com:443/a"),
        ("with the port", "https://example.com/a", "http://example.com:80/a"),
        ("with the port", "https://www.example.com/", "https://example.com:443"),
        ("with the port", "http://[::1]/a", "http://[::1]:80/a"),
        ("HTML-escaped", "https://example.com/a&b", "https://example.com/a&amp;b"),
        ("HTML-escaped", "https://example.com/it's", "https://example.com/it&#39;s"),
        ("HTML-escaped", "https://example.com/it's", "https://example.com/it&#x27;s"),
        ("HTML-escaped", "https://example.com/it's", "https://example.com/it&apos;s"),
        ("HTML-escaped", "https://example.com/a?x=1&y=2", "https://example.com/a?x=1&amp;y=2"),
        ("HTML-escaped", "https://example.com/%C3%A9", "https://example.com/&#233;"),
        ("HTML-escaped twice", "https://example.com/a&b", "https://example.com/a&amp;amp;b"),
        ("HTML-unescaped", "https://example.com/a&amp;b", "https://example.com/a&b"),
        ("HTML-escaped, then encoded", "https://example.com/a&b", "https://example.com/a%26amp;b"),
        ("another Unicode form", "https://example.com/caf%C3%A9", "https://example.com/cafe%CC%81"),
        ("another Unicode form", "https://example.com/%E3%83%91", "https://example.com/ハ\u{309a}"),
        ("another Unicode form", "https://example.com/%EF%AC%81ne", "https://example.com/fine"),
        ("empty path", "https://example.com/", "https://example.com"),
        ("empty path", "https://example.com/?a=b", "https://example.com?a=b"),
        ("empty path", "https://example.com", "https://example.com/#top"),
        ("final dot", "https://example.com./a", "https://example.com/a"),
        ("scheme, www, case", "https://www.example.com/A", "HTTP://EXAMPLE.com/a/"),
        ("credentials", "https://example.com/a", "https://user:secret@example.com/a"),
        ("dots and slashes", "https://example.com/b/c", "https://example.com//a/../b/./c//"),
        ("backslashes", "https://example.com/a/b", "https://example.com\\a\\b"),
        ("fragment and query", "https://example.com/a#b?c", "https://example.com/a?utm_source=pinterest"),
        ("blanks", "https://example.com/a", "\u{a0} https://example.com/a\n"),
    ];

    #[test]
    fn a_link_that_the_board_shows_in_another_way_is_recognised() {
        let overlooked = SAME_LINKS
            .iter()
            .filter(|(_, ours, theirs)| !before::could_be(&asked("T", ours, TEXT), &shown("T", theirs, TEXT)));
        assert!(overlooked.count() >= 45, "most of them had a second Pin made in 0.2.0");
        for (way, ours, theirs) in SAME_LINKS {
            for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
                let (request, pin) = (asked("T", ours, TEXT), shown("T", theirs, TEXT));
                assert!(could_be(&request, &pin, window()), "{way}: {ours} {theirs}");
                assert_eq!(likeness(&request, &pin), Likeness::Same, "{way}: {ours} {theirs}");
                assert!(shares_a_hash(&request, &pin), "{way}: {ours} {theirs}");
            }
        }
    }

    #[test]
    fn another_link_is_another() {
        for (ours, theirs) in [
            ("https://example.com/a", "https://example.com/b"),
            ("https://example.com/a", "https://example.org/a"),
            ("https://example.com/a", "https://shop.example.com/a"),
            ("https://example.com/a", "https://example.com:8443/a"),
            ("https://example.com/a", "https://example.com/a/b"),
            ("https://example.com/caf%C3%A9", "https://example.com/cafe"),
            ("https://bücher.example/", "https://bucher.example/"),
            ("https://example.com/1", "https://example.com/12"),
            ("https://example.com/", "https://example.com/a"),
        ] {
            assert!(!could_be(&asked("T", ours, TEXT), &shown("T", theirs, TEXT), window()), "{ours} {theirs}");
        }
    }

    /// Titles that were sent, and how a board may list them.
    const SAME_TITLES: [(&str, &str, &str); 41] = [
        ("NFD", "Café crème", "Cafe\u{301} cre\u{300}me"),
        ("NFD", "Ångström", "A\u{30a}ngstro\u{308}m"),
        ("NFD", "パンと水", "ハ\u{309a}ンと水"),
        ("NFD", "한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
        ("NFD", "Việt Nam", "Vie\u{323}\u{302}t Nam"),
        ("NFD", "q\u{303} and é", "q\u{303} and e\u{301}"),
        ("NFC", "\u{212b}ngström", "Ångström"),
        ("NFC", "\u{2126} resistors", "Ω resistors"),
        ("NFC", "\u{1e0b}\u{323}", "\u{1e0d}\u{307}"),
        ("NFKC", "ﬁne ﬂowers", "fine flowers"),
        ("NFKC", "Ｆｕｌｌ ｗｉｄｔｈ １２３", "Full width 123"),
        ("NFKC", "ｶﾞﾗｽ", "ガラス"),
        ("NFKC", "① ② ③", "1 2 3"),
        ("NFKC", "x² + y³", "x2 + y3"),
        ("NFKC", "Brand™ №5", "BrandTM No5"),
        ("NFKC", "½ kg", "1⁄2 kg"),
        ("NFKC", "20 ℃", "20 °C"),
        ("NFKC", "𝓒𝓻𝓪𝓷𝓮", "Crane"),
        ("NFKC", "㍿ 折り鶴", "株式会社 折り鶴"),
        ("no-break space", "A\u{a0}title", "A title"),
        ("thin space", "10\u{202f}000", "10 000"),
        ("case", "Straße", "STRASSE"),
        ("case", "Ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"),
        ("case", "İstanbul", "i\u{307}stanbul"),
        ("emoji", "Crane 🦢 flies", "Crane flies"),
        ("emoji", "Crane ❤\u{fe0f}", "Crane ❤"),
        ("emoji", "👩\u{200d}🎨 paints", "👩🎨 paints"),
        ("HTML-escaped", "Crane & paper", "Crane &amp; paper"),
        ("HTML-escaped", "Don't <fold>", "Don&#39;t &lt;fold&gt;"),
        ("HTML-escaped", "Don't \"fold\"", "Don&#x27;t &quot;fold&quot;"),
        ("HTML-escaped", "Don’t fold", "Don&#8217;t fold"),
        ("HTML-escaped", "Café", "Caf&#233;"),
        ("HTML-escaped", "Café", "Caf&#xE9;"),
        ("HTML-escaped", "A\u{a0}title", "A&nbsp;title"),
        ("HTML-escaped by name", "Café – “ﬁne” façade", "Caf&eacute; &ndash; &ldquo;fine&rdquo; fa&ccedil;ade"),
        ("HTML-escaped by name", "Straße ½ Ångström", "Stra&szlig;e &frac12; &Aring;ngstr&ouml;m"),
        ("HTML-escaped by name", "© Øl & more…", "&copy; &Oslash;l &amp; more&hellip;"),
        ("HTML-escaped twice", "Crane & paper", "Crane &amp;amp; paper"),
        ("HTML-escaped and decomposed", "Crème & café", "Cre\u{300}me &amp; cafe\u{301}"),
        ("HTML-unescaped", "Crane &amp; paper", "Crane & paper"),
        ("a number that is no entity", "A & 39; B", "a & 39; b"),
    ];

    #[test]
    fn a_title_that_the_board_shows_in_another_way_is_recognised() {
        let overlooked = SAME_TITLES
            .iter()
            .filter(|(_, ours, theirs)| !before::could_be(&asked(ours, LINK, TEXT), &shown(theirs, LINK, TEXT)));
        assert!(overlooked.count() >= 25, "most of them had a second Pin made in 0.2.0");
        for (way, ours, theirs) in SAME_TITLES {
            for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
                let (request, pin) = (asked(ours, LINK, TEXT), shown(theirs, LINK, TEXT));
                assert!(could_be(&request, &pin, window()), "{way}: {ours} {theirs}");
                assert_eq!(likeness(&request, &pin), Likeness::Same, "{way}: {ours} {theirs}");
                assert!(shares_a_hash(&request, &pin), "{way}: {ours} {theirs}");
            }
        }
    }

    #[test]
    fn another_title_is_another_in_every_script() {
        for (ours, theirs) in [
            ("Café", "Cafe"),
            ("Part 1", "Part 12"),
            ("折り鶴", "折り紙"),
            ("ハハ", "パパ"),
            ("№ 5", "№ 6"),
            ("x²", "x³"),
            ("Crane &amp; paper", "Crane and paper"),
        ] {
            assert!(!could_be(&asked(ours, LINK, TEXT), &shown(theirs, LINK, TEXT), window()), "{ours} {theirs}");
        }
    }

    #[test]
    fn a_description_may_be_cut_wherever_and_in_whatever_form() {
        for (ours, theirs) in [
            ("Crème brûlée with a lot of café", "Cre\u{300}me bru\u{302}le\u{301}e with a"),
            ("Crème brûlée with a lot of café", "Cre\u{300}me bru\u{302}le\u{301}e with a lot of cafe"),
            ("Patience & more paper & nothing else", "Patience &amp; more paper &am…"),
            ("Patience & more paper & nothing else", "Patience &amp; more paper &#3"),
            (
                "한국의 종이접기와 학 그리고 인내심",
                "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}의 종\u{110b}\u{1175}",
            ),
            ("Ｆｕｌｌ ｗｉｄｔｈ ａｎｄ ｌｏｎｇ ｅｎｏｕｇｈ", "Full width and long"),
            ("Don’t fold it more than twice", "Don&#8217;t fold it more than…"),
        ] {
            let (request, pin) = (asked("T", LINK, ours), shown("T", LINK, theirs));
            assert!(could_be(&request, &pin, window()), "{ours} {theirs}");
            assert_eq!(likeness(&request, &pin), Likeness::Less, "{ours} {theirs}");
        }
        let other = shown("T", LINK, "Crème brûlée with a loud café");
        assert!(!could_be(&asked("T", LINK, "Crème brûlée with a lot of café"), &other, window()));
    }

    fn shares_a_hash(request: &PinRequest, pin: &BoardPin) -> bool {
        use crate::domain::pin::idempotency::{content_hashes, content_hashes_of};
        let of_pin = content_hashes_of(&request.board_id, pin);
        content_hashes(request).iter().any(|hash| of_pin.contains(hash))
    }

    /// The comparison of 0.2.0.
    mod before {
        use super::{BoardPin, PinRequest};

        type Pair = (Option<String>, Option<String>);

        pub fn could_be(request: &PinRequest, candidate: &BoardPin) -> bool {
            agree(&title(request, candidate))
                && agree(&link(request, candidate))
                && is_cut(&description(request, candidate))
        }

        /// Whether title and link are the same: then both have the same content hash.
        pub fn is_same(request: &PinRequest, candidate: &BoardPin) -> bool {
            let same = |(ours, theirs): Pair| ours == theirs;
            same(title(request, candidate)) && same(link(request, candidate))
        }

        fn pair(fold: fn(&str) -> String, ours: Option<&str>, theirs: Option<&str>) -> Pair {
            let folded = |text: Option<&str>| text.map(fold).filter(|text| !text.is_empty());
            (folded(ours), folded(theirs))
        }

        fn title(request: &PinRequest, candidate: &BoardPin) -> Pair {
            pair(fold, Some(&request.title), candidate.title.as_deref())
        }

        fn description(request: &PinRequest, candidate: &BoardPin) -> Pair {
            pair(fold, request.description.as_deref(), candidate.description.as_deref())
        }

        fn link(request: &PinRequest, candidate: &BoardPin) -> Pair {
            pair(fold_link, request.link_url.as_deref(), candidate.link.as_deref())
        }

        fn agree((ours, theirs): &Pair) -> bool {
            ours == theirs || ours.is_none() || theirs.is_none()
        }

        fn is_cut((ours, theirs): &Pair) -> bool {
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => ours == theirs || (theirs.len() >= 16 && ours.starts_with(theirs)),
                _ => true,
            }
        }

        fn fold(text: &str) -> String {
            let text = unescape(text);
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        }

        fn fold_link(link: &str) -> String {
            let link = link.trim();
            let link = link.split_once("://").map_or(link, |(_, rest)| rest);
            let link = link.split(['?', '#']).next().unwrap_or(link);
            let link = link.trim_end_matches('/').to_lowercase();
            link.strip_prefix("www.").map(str::to_owned).unwrap_or(link)
        }

        fn unescape(text: &str) -> String {
            const ENTITIES: [(&str, &str); 6] =
                [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];
            let mut text = text.to_owned();
            for (entity, plain) in ENTITIES {
                if text.contains(entity) {
                    text = text.replace(entity, plain);
                }
            }
            text
        }
    }

    /// What texts and links are made of in the property below: what folds, escapes, decomposes, cuts or separates.
    const PIECES: [&str; 60] = [
        "a", "B", "crane", "1", "12", "é", "e\u{301}", "E", "\u{301}", "\u{323}", "ß", "ss", "ﬁ", "fi", "Ａ", "①", "²",
        "½", "™", "№", "㎏", "ς", "Σ", "İ", "i\u{307}", "ｶﾞ", "ガ", "\u{3099}", "가", "\u{1100}", "\u{1161}", "\u{345}",
        "\u{5b0}", "\u{e38}", "🦢", " ", "\u{a0}", "\u{200d}", ".", "-", "&", "&amp;", "&#39;", "&#8217;", "8217", ";",
        "amp", "&lt;", "%20", "%C3%A9", "%25", "%", "/", "//", "?", "#", ":443", "www.", "..", "\\",
    ];

    fn made(rng: &mut fastrand::Rng, pieces: usize) -> String {
        (0..rng.usize(0..=pieces)).map(|_| PIECES[rng.usize(0..PIECES.len())]).collect()
    }

    fn made_link(rng: &mut fastrand::Rng) -> String {
        let scheme = ["https://", "http://", "HTTPS://", "", "//", " https://"][rng.usize(0..6)];
        let host = ["example.com", "www.example.com", "bücher.example", "xn--bcher-kva.example", "user@a", "", "[::1]"];
        let path = made(rng, 4);
        format!("{scheme}{}{}{path}", host[rng.usize(0..host.len())], ["", "/", ":80/", "./"][rng.usize(0..4)])
    }

    /// The text as the old comparison would have taken it, too: other case, other separators, an entity for a sign,
    /// cut.
    fn varied(rng: &mut fastrand::Rng, text: &str) -> String {
        let mut varied = String::new();
        for character in text.chars() {
            match rng.u8(0..12) {
                0 => varied.extend(character.to_uppercase()),
                1 => varied.extend(character.to_lowercase()),
                2 if !character.is_alphanumeric() => {}
                3 => varied.extend([character, '\u{301}']),
                4 => varied.extend([character, '™']),
                5 if character == '&' => varied.push_str("&amp;"),
                6 if character == '\'' => varied.push_str("&#39;"),
                _ => varied.push(character),
            }
        }
        varied
    }

    fn varied_link(rng: &mut fastrand::Rng, link: &str) -> String {
        let (scheme, rest) = link.split_once("://").unwrap_or(("https", link));
        match rng.u8(0..6) {
            0 => format!("{link}/"),
            1 => format!("{link}?utm_source=pinterest"),
            2 => format!("www.{rest}"),
            3 => format!("http://{}", rest.to_uppercase()),
            4 => format!(" {scheme}://{rest}#a"),
            _ => link.to_owned(),
        }
    }

    #[test]
    fn whatever_matched_before_still_matches() {
        let mut rng = fastrand::Rng::with_seed(12);
        let (mut matched, mut matched_cut, mut same) = (0, 0, 0);
        for round in 0..60_000 {
            let (title, link, description) = (made(&mut rng, 6), made_link(&mut rng), made(&mut rng, 16));
            let mut theirs = [title.clone(), link.clone(), description.clone()];
            theirs[0] = if rng.u8(0..8) == 0 { made(&mut rng, 6) } else { varied(&mut rng, &title) };
            theirs[1] = if rng.u8(0..8) == 0 { made_link(&mut rng) } else { varied_link(&mut rng, &link) };
            theirs[2] = varied(&mut rng, &description);
            if rng.bool() {
                theirs[2] = theirs[2].chars().take(rng.usize(0..30)).collect();
            }
            if rng.bool() {
                // What the old fold made of it is the same to it.
                theirs[0] = equivalence::folded(&theirs[0]);
            }
            let mut request = asked(&title, &link, &description);
            let mut pin = shown(&theirs[0], &theirs[1], &theirs[2]);
            request.link_url = request.link_url.filter(|_| rng.u8(0..10) > 0);
            request.description = request.description.filter(|_| rng.u8(0..10) > 0);
            pin.title = pin.title.filter(|_| rng.u8(0..10) > 0);
            pin.link = pin.link.filter(|_| rng.u8(0..10) > 0);
            if before::could_be(&request, &pin) {
                matched += 1;
                matched_cut += usize::from(likeness(&request, &pin) == Likeness::Less);
                assert!(could_be(&request, &pin, window()), "round {round}: {request:?} {pin:?}");
            }
            if before::is_same(&request, &pin) {
                same += 1;
                assert!(shares_a_hash(&request, &pin), "round {round}: {request:?} {pin:?}");
            }
        }
        assert!(matched > 10_000 && matched_cut > 1_000 && same > 5_000, "{matched} {matched_cut} {same}");
    }

    #[test]
    fn what_may_be_the_same_shares_a_hash_by_which_its_owner_is_found() {
        let mut rng = fastrand::Rng::with_seed(13);
        let mut found = 0;
        for round in 0..30_000 {
            let (request, pin) = (
                asked(&made(&mut rng, 2), &made_link(&mut rng), ""),
                shown(&made(&mut rng, 2), &made_link(&mut rng), ""),
            );
            // A Pin that lacks a title or link is nobody's for certain.
            if could_be(&request, &pin, window()) && likeness(&request, &pin) == Likeness::Same {
                found += 1;
                assert!(shares_a_hash(&request, &pin), "round {round}: {request:?} {pin:?}");
            }
        }
        assert!(found > 100, "{found}");
    }
}
