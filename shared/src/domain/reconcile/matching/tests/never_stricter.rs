//! Whatever 0.2.0 took for the same may be the same today.

use super::*;

/// The comparison of 0.2.0.
pub mod before {
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
const PIECES: [&str; 77] = [
    "a", "B", "crane", "1", "12", "é", "e\u{301}", "E", "\u{301}", "\u{323}", "ß", "ss", "ﬁ", "fi", "Ａ", "①", "²",
    "½", "™", "№", "㎏", "ς", "Σ", "İ", "i\u{307}", "ｶﾞ", "ガ", "\u{3099}", "가", "\u{1100}", "\u{1161}", "\u{345}",
    "\u{5b0}", "\u{e38}", "🦢", " ", "\u{a0}", "\u{200d}", ".", "-", "&", "&amp;", "&#39;", "&#8217;", "8217", ";",
    "amp", "&lt;", "%20", "%C3%A9", "%25", "%", "/", "//", "?", "#", ":443", "www.", "..", "\\", "&eacute", "&hearts;",
    "hearts", "&not", "in;", "&trade;", "&#8470", "♥", "+", "%E9", "%2B", "’", "'", "\u{ad}", "&quest;", "&sol;", "\t",
];

fn made(rng: &mut fastrand::Rng, pieces: usize) -> String {
    (0..rng.usize(0..=pieces)).map(|_| PIECES[rng.usize(0..PIECES.len())]).collect()
}

fn made_link(rng: &mut fastrand::Rng) -> String {
    let scheme = ["https://", "http://", "HTTPS://", "", "//", " https://"][rng.usize(0..6)];
    let host = [
        "example.com",
        "www.example.com",
        "bücher.example",
        "xn--bcher-kva.example",
        "user@a",
        "",
        "[::1]",
        "straße.de",
        "1.2",
    ];
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
    for round in 0..30_000 {
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
    assert!(matched > 5_000 && matched_cut > 500 && same > 2_500, "{matched} {matched_cut} {same}");
}

#[test]
fn what_may_be_the_same_shares_a_hash_by_which_its_owner_is_found() {
    let mut rng = fastrand::Rng::with_seed(13);
    let mut found = 0;
    for round in 0..30_000 {
        let (request, pin) =
            (asked(&made(&mut rng, 2), &made_link(&mut rng), ""), shown(&made(&mut rng, 2), &made_link(&mut rng), ""));
        // A Pin that lacks a title or link is nobody's for certain.
        if could_be(&request, &pin, window()) && likeness(&request, &pin) == Likeness::Same {
            found += 1;
            assert!(shares_a_hash(&request, &pin), "round {round}: {request:?} {pin:?}");
        }
    }
    assert!(found > 100, "{found}");
}
