mod never_stricter;
mod spellings;

use self::never_stricter::before;
use self::spellings::{SAME_LINKS, SAME_TITLES};
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
fn the_candidates_are_those_that_fit_the_most_alike_first() {
    let of = |id: &str, after_ms: i64, pin: BoardPin| BoardPin {
        id: id.into(),
        created_at: Some(START.plus_ms(after_ms)),
        ..pin
    };
    let vague = BoardPin { title: None, ..candidate() };
    let other = BoardPin { title: Some("Something else".into()), ..candidate() };
    let pins = [
        of("vague", 1_000, vague),
        of("new", 3_000, candidate()),
        of("other", 1_000, other),
        of("old", 2_000, candidate()),
    ];
    let named = candidates(&testdata::pin().request, &pins, window());
    let ids: Vec<&str> = named.iter().map(|named| named.pinterest_pin_id.as_str()).collect();
    assert_eq!(ids, ["old", "new", "vague"]);
    assert_eq!(named[0].created_at, Some(START.plus_ms(2_000)));
}

#[test]
fn another_title_link_or_time_does_not_fit() {
    assert!(!fits(&BoardPin { title: Some("Something else".into()), ..candidate() }));
    assert!(!fits(&BoardPin { title: Some("Ten ways to fold a paper".into()), ..candidate() }), "a shorter title");
    assert!(!fits(&BoardPin { link: Some("https://example.com/other".into()), ..candidate() }));
    assert!(!fits(&BoardPin { created_at: Some(START.plus_ms(-60_000)), ..candidate() }));
    assert!(!fits(&BoardPin { created_at: Some(START.plus_ms(131_000)), ..candidate() }));
}

/// What Pinterest was seen or supposed to make of a description, and of a title's accents and markup.
#[test]
fn a_pin_with_our_title_and_link_is_never_ruled_out_for_its_description() {
    let text = "Fold it twice at https://example.com/a, then wait. #paper #cranes";
    let ours = asked("Cr\u{e8}me <b>cranes</b> & paper", "https://example.com/a", text);
    for edited in [
        "Fold it twice at <a href=\"https://example.com/a\">https://example.com/a</a>, then wait.<br>#paper #cranes",
        "Fold it twice at , then wait. #paper #cranes",
        "Fold it twice at example.com, then wait.",
        "Fold it twice... more",
        "Shop now: Fold it twice at https://example.com/a, then wait. #paper #cranes",
        "then wait. #paper #cranes",
        "Something that somebody else wrote",
    ] {
        let theirs = shown("Cr\u{e8}me <b>cranes</b> & paper", "https://example.com/a", edited);
        assert!(could_be(&ours, &theirs, window()), "{edited}");
    }
    for title in ["Creme <b>cranes</b> & paper", "Cr\u{e8}me cranes &amp; paper", "CREME CRANES PAPER"] {
        let theirs = shown(title, "https://example.com/a", text);
        assert!(could_be(&ours, &theirs, window()), "{title}");
        assert_eq!(likeness(&ours, &theirs), Likeness::Vague, "{title}");
    }
    let other = shown("Another crane", "https://example.com/a", "Something that somebody else wrote");
    assert!(!could_be(&ours, &other, window()));
    let edited = shown("Cr\u{e8}me <b>cranes</b> & paper", "https://example.com/a", "Shop now");
    assert_eq!(likeness(&ours, &edited), Likeness::Less);
    let unlinked = BoardPin { link: None, ..edited };
    assert!(could_be(&ours, &unlinked, window()));
    assert_eq!(likeness(&ours, &unlinked), Likeness::Vague);
    let no_link = PinRequest { link_url: None, ..ours.clone() };
    let theirs = BoardPin { link: None, ..shown(&ours.title, "", "Something else entirely") };
    assert!(could_be(&no_link, &theirs, window()), "neither has a link");
}

/// Titles that were sent, and what a machine without Unicode, or a cleaner, may make of them.
const DAMAGED_TITLES: &[(&str, &str)] = &[
    ("Café crème", "Caf? cr?me"),
    ("Café crème", "Caf\u{fffd} cr\u{fffd}me"),
    ("Cafe\u{301} crème", "Cafe? cr?me"),
    ("Cake 🎂 for two", "Cake ? for two"),
    ("Cake 🎂 for two", "Cake ???? for two"),
    ("折り鶴 paper", "??? paper"),
    ("折り鶴", "???"),
    ("Who? Zoë!", "Who? Zo?!"),
    ("1️⃣ Fold it", "Fold it"),
    ("Fold 2⃣ times", "Fold times"),
    ("#️⃣ Paper", "Paper"),
    ("Straße nach Köln", "Strasse nach Koln"),
    ("Straße nach Köln", "STRASSE NACH KO\u{308}LN"),
    ("Ærø, Łódź & smørrebrød", "AEro, Lodz & smorrebrod"),
    ("Þór og Đorđe", "Thor og Dorde"),
    ("cœur", "coeur"),
    ("Müller Öl", "Mueller Oel"),
    ("Salt & Pepper", "Salt and Pepper"),
    ("Salt and Pepper", "Salt &amp; Pepper"),
    ("Summer #salad #vegan", "Summer"),
    ("Twenty ways to fold a paper crane at home", "Twenty ways to fold a pap…"),
    ("Twenty ways to fold a paper crane at home", "Twenty ways to fold a..."),
];

#[test]
fn what_is_left_of_our_title_is_not_ruled_out() {
    for (ours, theirs) in DAMAGED_TITLES {
        assert!(could_be(&asked(ours, LINK, TEXT), &shown(theirs, LINK, TEXT), window()), "{ours} {theirs}");
        assert!(!could_be(&asked(ours, LINK, TEXT), &shown(theirs, "https://example.com/b", TEXT), window()));
    }
    for (ours, theirs) in [
        ("Café crème", "Caf? creme brulee"),
        ("Cafe creme", "Caf? cr?me"),
        ("Fold 2 times", "Fold times"),
        ("Fold 2️⃣ times", "Fold 3 times"),
        ("折り鶴 paper", "??? glue"),
        ("Straße", "Strase"),
        ("Twenty ways to fold a paper crane", "Twenty ways to fold"),
        ("Twenty ways", "Twenty…"),
        ("#salad", "Summer"),
    ] {
        assert!(!could_be(&asked(ours, LINK, TEXT), &shown(theirs, LINK, TEXT), window()), "{ours} {theirs}");
    }
}

#[test]
fn a_link_that_leads_to_ours_is_not_another() {
    let ours = asked("T", "https://example.com/a?b=c", TEXT);
    for theirs in [
        "https://www.pinterest.com/offsite/?token=1&url=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc&pin=2",
        "https://l.example.net/r?u=https://www.example.com/a",
        "https://l.example.net/https://example.com/a",
        "https://l.example.net/go/https%3A%2F%2Fexample.com%2Fa",
        "https://l.example.net/r?x=1&amp;to=http%253A%252F%252Fexample.com%252Fa",
    ] {
        assert!(could_be(&ours, &shown("T", theirs, TEXT), window()), "{theirs}");
        assert_eq!(likeness(&ours, &shown("T", theirs, TEXT)), Likeness::Vague, "{theirs}");
        assert!(!could_be(&ours, &shown("Another title", theirs, TEXT), window()), "{theirs}");
    }
    for theirs in
        ["https://l.example.net/r?u=https://example.com/b", "https://l.example.net/a", "https://l.example.net/r?u=a"]
    {
        assert!(!could_be(&ours, &shown("T", theirs, TEXT), window()), "{theirs}");
    }
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

#[test]
fn a_link_that_the_board_shows_in_another_way_is_recognised() {
    let overlooked = SAME_LINKS
        .iter()
        .filter(|(_, ours, theirs)| !before::could_be(&asked("T", ours, TEXT), &shown("T", theirs, TEXT)));
    assert!(overlooked.count() >= 80, "most of them had a second Pin made in 0.2.0");
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
        ("https://example.com/a+b", "https://example.com/ab"),
        ("https://example.com/a-b", "https://example.com/a b"),
        ("https://example.com/caf%E9", "https://example.com/cafe"),
        ("https://example.com/caf%E9", "https://example.com/caf"),
        ("https://strase.de/", "https://straße.de/"),
        ("http://[::1]/", "http://[::2]/"),
        ("https://example.com/&eacute;", "https://example.com/&egrave;"),
        ("https://example.com/🦢", "https://example.com/🦆"),
    ] {
        assert!(!could_be(&asked("T", ours, TEXT), &shown("T", theirs, TEXT), window()), "{ours} {theirs}");
    }
}

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
        ("한국의 종이접기와 학 그리고 인내심", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}의 종\u{110b}\u{1175}"),
        ("Ｆｕｌｌ ｗｉｄｔｈ ａｎｄ ｌｏｎｇ ｅｎｏｕｇｈ", "Full width and long"),
        ("Don’t fold it more than twice", "Don&#8217;t fold it more than…"),
    ] {
        let (request, pin) = (asked("T", LINK, ours), shown("T", LINK, theirs));
        assert!(could_be(&request, &pin, window()), "{ours} {theirs}");
        assert_eq!(likeness(&request, &pin), Likeness::Less, "{ours} {theirs}");
    }
    let ours = asked("T", LINK, "Crème brûlée with a lot of café");
    assert_eq!(likeness(&ours, &shown("T", LINK, "Crème brûlée with a loud café")), Likeness::Less);
}

fn shares_a_hash(request: &PinRequest, pin: &BoardPin) -> bool {
    use crate::domain::pin::idempotency::{content_hashes, content_hashes_of};
    let of_pin = content_hashes_of(&request.board_id, pin);
    content_hashes(request).iter().any(|hash| of_pin.contains(hash))
}
