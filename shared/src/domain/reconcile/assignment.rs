//! Assigns the Pins found on a board to the pins whose outcome is unresolved.
//!
//! Pins and claims that could belong together form groups, and each group is resolved as a whole:
//! - As many Pins as claims: each claim gets one, in the order of creation.
//! - No Pin: each pin may be sent again.
//! - Fewer Pins than claims, and all claims with the same image: as many claims as there are Pins get one, and the
//!   others are sent again.
//! - Anything else is left to a person.
//!
//! Where several claims fit a Pin, one whose link has the query that the Pin shows comes first.

use super::matching::{BoardPin, Likeness, Window, could_be, is_query_shown, likeness};
use crate::domain::pin::PinRequest;

/// Whether a claim can be resolved now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The scan began after the claim's quiesce period: it can be resolved now.
    Due,
    /// Its call may still commit, or the scan began too early for it. A claim that shares a Pin with it has to wait.
    Open,
    /// Its outcome was left to a person. It may own a Pin, but gets none while a due claim could own that Pin.
    GivenUp,
}

/// A pin whose outcome is unresolved.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub request: &'a PinRequest,
    pub window: Window,
    pub standing: Standing,
}

/// The result for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The claim owns this Pin, given by its index.
    Adopt(usize),
    Absent,
    Ambiguous,
    /// Another claim for the same Pins can't be resolved yet.
    Wait,
}

/// Rules on every claim, given the Pins that no known pin owns.
pub fn rule(claims: &[Claim<'_>], pins: &[BoardPin]) -> Rulings {
    let (edges, vague) = edges(claims, pins);
    let mut rulings = vec![Ruling::Absent; claims.len()];
    // A vague Pin is assigned to no claim; if there is no better Pin, a person decides.
    vague.iter().for_each(|claim| rulings[*claim] = Ruling::Ambiguous);
    let groups = groups(claims.len(), pins.len(), &edges);
    for group in &groups {
        resolve(claims, pins, &edges, group, &mut rulings);
    }
    let grouped = |claim: usize| groups.iter().any(|group| group.claims.contains(&claim));
    let alone = (0..claims.len()).filter(|claim| !grouped(*claim)).map(|claim| vec![claim]).collect::<Vec<_>>();
    Rulings { rulings, groups: groups.into_iter().map(|group| group.claims).chain(alone).collect() }
}

/// A ruling for each claim, and the groups of claims that are resolved together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rulings {
    pub rulings: Vec<Ruling>,
    pub groups: Vec<Vec<usize>>,
}

/// A claim, a Pin that it could own (both by index), and how well they fit.
type Edge = (usize, usize, Likeness);

/// Which claim could own which Pin. A Pin that shows exactly what one claim requested is not offered to claims that
/// requested more. The second part lists the claims that only vague Pins fit.
fn edges(claims: &[Claim<'_>], pins: &[BoardPin]) -> (Vec<Edge>, Vec<usize>) {
    let mut fits: Vec<Edge> = Vec::new();
    for (c, claim) in claims.iter().enumerate() {
        for (p, pin) in pins.iter().enumerate().filter(|(_, pin)| could_be(claim.request, pin, claim.window)) {
            fits.push((c, p, likeness(claim.request, pin)));
        }
    }
    let best = |pin: usize| fits.iter().filter(|(_, p, _)| *p == pin).map(|fit| fit.2).min();
    let best_of_pin: Vec<Option<Likeness>> = (0..pins.len()).map(best).collect();
    fits.retain(|(_, p, likeness)| best_of_pin[*p] == Some(*likeness));
    let is_vague = |claim: usize| {
        let best = fits.iter().filter(|(c, ..)| *c == claim).map(|fit| fit.2).min();
        best == Some(Likeness::Vague)
    };
    let vague = (0..claims.len()).filter(|claim| is_vague(*claim)).collect();
    fits.retain(|(.., likeness)| *likeness != Likeness::Vague);
    (fits, vague)
}

struct Group {
    claims: Vec<usize>,
    pins: Vec<usize>,
}

/// The connected components that contain a Pin.
fn groups(claims: usize, pins: usize, edges: &[Edge]) -> Vec<Group> {
    // Claims first, then Pins; each points to the smallest member of its component.
    let mut part: Vec<usize> = (0..claims + pins).collect();
    let mut moved = true;
    while moved {
        moved = false;
        for (c, p, _) in edges {
            let (a, b) = (part[*c], part[claims + p]);
            if a != b {
                part[*c] = a.min(b);
                part[claims + p] = a.min(b);
                moved = true;
            }
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    for first in 0..claims {
        let members: Vec<usize> = (0..claims).filter(|c| part[*c] == first).collect();
        let found: Vec<usize> = (0..pins).filter(|p| part[claims + p] == first).collect();
        if !found.is_empty() {
            groups.push(Group { claims: members, pins: found });
        }
    }
    groups
}

fn resolve(claims: &[Claim<'_>], pins: &[BoardPin], edges: &[Edge], group: &Group, rulings: &mut [Ruling]) {
    let mut give = |ruling: Ruling| group.claims.iter().for_each(|c| rulings[*c] = ruling);
    if group.claims.iter().any(|c| claims[*c].standing == Standing::Open) {
        return give(Ruling::Wait);
    }
    let mut found = group.pins.clone();
    if found.len() > group.claims.len() {
        // Too many Pins: those that show exactly what was requested take precedence over those with a cut description.
        found.retain(|p| edges.iter().any(|(_, pin, likeness)| pin == p && *likeness == Likeness::Same));
    }
    let (k, m) = (group.claims.len(), found.len());
    let media = &claims[group.claims[0]].request.image_url;
    let same_media = group.claims.iter().all(|c| claims[*c].request.image_url == *media);
    if m == 0 || m > k || (m < k && !same_media) {
        return give(Ruling::Ambiguous);
    }
    found.sort_by(|a, b| (pins[*a].created_at, &pins[*a].id).cmp(&(pins[*b].created_at, &pins[*b].id)));
    let mut free = group.claims.clone();
    // Due claims come before those that were left to a person; among due claims, the one whose window ends first.
    free.sort_by_key(|c| (claims[*c].standing == Standing::GivenUp, claims[*c].window.until, *c));
    let fits = |c: usize, p: usize| edges.iter().any(|(claim, pin, _)| *claim == c && *pin == p);
    // The query distinguishes no links, but of several due claims the one that asked for it comes first.
    let asked = |c: usize, p: usize| {
        claims[c].standing == Standing::Due && fits(c, p) && is_query_shown(claims[c].request, &pins[p])
    };
    let Some(given) = hand_out(&free, &found, &asked, &fits).or_else(|| hand_out(&free, &found, &|_, _| false, &fits))
    else {
        return give(Ruling::Ambiguous);
    };
    give(Ruling::Absent);
    given.into_iter().for_each(|(c, p)| rulings[c] = Ruling::Adopt(p));
}

/// Gives each Pin to a claim: first those that a claim asked for, then the others in their order. `None` if a Pin is
/// left over.
fn hand_out(
    claims: &[usize],
    pins: &[usize],
    asked: &dyn Fn(usize, usize) -> bool,
    fits: &dyn Fn(usize, usize) -> bool,
) -> Option<Vec<(usize, usize)>> {
    let (mut free, mut given, mut rest) = (claims.to_vec(), Vec::new(), Vec::new());
    for p in pins {
        match free.iter().position(|c| asked(*c, *p)) {
            Some(at) => given.push((free.remove(at), *p)),
            None => rest.push(*p),
        }
    }
    for p in rest {
        let at = free.iter().position(|c| fits(*c, p))?;
        given.push((free.remove(at), p));
    }
    Some(given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::deadlines::Deadlines;
    use crate::domain::testdata;
    use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};

    const T: Moment = Moment(10_000_000);

    fn claim(request: &PinRequest, started_at: Moment) -> Claim<'_> {
        let window = Window::of(started_at, &Deadlines::default());
        Claim { request, window, standing: Standing::Due }
    }

    fn found(request: &PinRequest, id: &str, at: Moment) -> BoardPin {
        BoardPin {
            id: id.into(),
            created_at: Some(at),
            title: Some(request.title.clone()),
            description: request.description.clone(),
            link: request.link_url.clone(),
        }
    }

    fn ruled(claims: &[Claim<'_>], pins: &[BoardPin]) -> Vec<Ruling> {
        rule(claims, pins).rulings
    }

    fn later(seconds: i64) -> Moment {
        T.plus_ms(seconds * SECOND_MS)
    }

    #[test]
    fn a_single_claim_is_absent_without_a_pin_adopts_one_and_leaves_two_to_a_person() {
        let request = testdata::request("a");
        let pins = [found(&request, "1", later(1)), found(&request, "2", later(2))];
        assert_eq!(ruled(&[claim(&request, T)], &[]), [Ruling::Absent]);
        assert_eq!(ruled(&[claim(&request, T)], &pins[..1]), [Ruling::Adopt(0)]);
        assert_eq!(ruled(&[claim(&request, T)], &pins), [Ruling::Ambiguous]);
    }

    #[test]
    fn as_many_pins_as_twins_are_assigned_in_the_order_of_creation() {
        let (a, mut b) = (testdata::request("a"), testdata::request("b"));
        b.image_url = "https://images.example.com/other.jpg".into();
        let claims = [claim(&b, later(5)), claim(&a, T)];
        let pins = [found(&a, "2", later(7)), found(&a, "1", later(2))];
        assert_eq!(ruled(&claims, &pins), [Ruling::Adopt(0), Ruling::Adopt(1)]);
    }

    #[test]
    fn fewer_pins_than_twins_are_assigned_only_if_the_image_is_the_same() {
        let (a, mut b) = (testdata::request("a"), testdata::request("b"));
        let pins = [found(&a, "1", later(6))];
        assert_eq!(ruled(&[claim(&a, T), claim(&b, later(5))], &pins), [Ruling::Adopt(0), Ruling::Absent]);
        b.image_url = "https://images.example.com/other.jpg".into();
        assert_eq!(ruled(&[claim(&a, T), claim(&b, later(5))], &pins), [Ruling::Ambiguous, Ruling::Ambiguous]);
    }

    #[test]
    fn of_claims_that_differ_in_their_query_the_one_that_asked_for_it_gets_the_pin() {
        let with = |query: &str| {
            let link_url = Some(format!("https://example.com/a{query}"));
            PinRequest { link_url, ..testdata::request(query) }
        };
        let (a, b) = (with("?from=a&n=1"), with("?from=b&n=1"));
        let claims = [claim(&a, T), claim(&b, later(5))];
        // Created in the other order, and written in other ways.
        let mut pins = [found(&b, "1", later(6)), found(&a, "2", later(8))];
        assert_eq!(ruled(&claims, &pins), [Ruling::Adopt(1), Ruling::Adopt(0)]);
        pins[0].link = Some("https://example.com/a?from=b&amp;n=1#top".into());
        pins[1].link = Some("https://example.com:443/a?from=%61&n=1".into());
        assert_eq!(ruled(&claims, &pins), [Ruling::Adopt(1), Ruling::Adopt(0)]);
        assert_eq!(ruled(&claims, &pins[..1]), [Ruling::Absent, Ruling::Adopt(0)], "the other one is sent again");
        // Without its query, or with one that was appended, a Pin is still somebody's.
        for query in ["", "?utm_source=pinterest"] {
            pins[0].link = Some(format!("https://example.com/a{query}"));
            assert_eq!(ruled(&claims, &pins), [Ruling::Adopt(1), Ruling::Adopt(0)], "{query}");
            assert_eq!(ruled(&claims, &pins[..1]), [Ruling::Adopt(0), Ruling::Absent], "{query}");
        }
        let given_up = [claims[0], Claim { standing: Standing::GivenUp, ..claims[1] }];
        assert_eq!(ruled(&given_up, &[found(&b, "1", later(6))])[0], Ruling::Adopt(0), "a due claim comes first");
    }

    #[test]
    fn twins_whose_windows_do_not_overlap_are_resolved_separately() {
        let (a, b) = (testdata::request("a"), testdata::request("b"));
        let pins = [found(&a, "1", T.plus_ms(10 * MINUTE_MS))];
        let claims = [claim(&a, T), claim(&b, T.plus_ms(10 * MINUTE_MS))];
        assert_eq!(ruled(&claims, &pins), [Ruling::Absent, Ruling::Adopt(0)]);
    }

    #[test]
    fn a_claim_waits_only_if_an_open_twin_could_own_the_same_pin() {
        let (a, b) = (testdata::request("a"), testdata::request("b"));
        let mut claims = [claim(&a, T), claim(&b, later(5))];
        claims[1].standing = Standing::Open;
        assert_eq!(ruled(&claims, &[found(&a, "1", later(6))]), [Ruling::Wait, Ruling::Wait]);
        assert_eq!(ruled(&claims, &[])[0], Ruling::Absent, "without a Pin there is nothing to wait for");
        claims[1].window = Window::of(T.plus_ms(10 * MINUTE_MS), &Deadlines::default());
        assert_eq!(ruled(&claims, &[found(&a, "1", later(6))])[0], Ruling::Adopt(0));
    }

    #[test]
    fn a_claim_left_to_a_person_gets_a_pin_only_after_the_due_claims() {
        let (a, b) = (testdata::request("a"), testdata::request("b"));
        let mut claims = [claim(&a, T), claim(&b, later(5))];
        claims[0].standing = Standing::GivenUp;
        assert_eq!(ruled(&claims, &[found(&a, "1", later(6))])[1], Ruling::Adopt(0));
        let pins = [found(&a, "1", later(6)), found(&a, "2", later(8))];
        assert!(matches!(ruled(&claims, &pins)[1], Ruling::Adopt(_)));
    }

    #[test]
    fn an_exact_claim_takes_precedence_and_a_pin_with_unsent_fields_is_never_adopted() {
        let full = testdata::request("full");
        let plain = PinRequest { description: None, ..testdata::request("plain") };
        let claims = [claim(&full, T), claim(&plain, T)];
        assert_eq!(ruled(&claims, &[found(&plain, "1", later(1))]), [Ruling::Absent, Ruling::Adopt(0)]);
        assert_eq!(ruled(&claims, &[found(&full, "1", later(1))]), [Ruling::Adopt(0), Ruling::Absent]);
        assert_eq!(ruled(&claims[1..], &[found(&full, "1", later(1))]), [Ruling::Ambiguous]);
        assert_eq!(
            ruled(&claims[..1], &[found(&plain, "1", later(1))]),
            [Ruling::Adopt(0)],
            "a description that was left out"
        );
    }

    #[test]
    fn twins_of_which_one_is_shown_with_a_cut_description_get_one_pin_each() {
        let (a, b) = (testdata::request("a"), testdata::request("b"));
        let mut cut = found(&a, "1", later(1));
        cut.description = cut.description.map(|text| text.chars().take(40).collect());
        let pins = [cut, found(&b, "2", later(6))];
        assert_eq!(rule_both(&a, &b, &pins), [Ruling::Adopt(0), Ruling::Adopt(1)]);
        assert_eq!(ruled(&[claim(&a, T)], &pins), [Ruling::Adopt(1)], "alone, the exact one is preferred");
    }

    fn rule_both(a: &PinRequest, b: &PinRequest, pins: &[BoardPin]) -> Vec<Ruling> {
        ruled(&[claim(a, T), claim(b, later(5))], pins)
    }

    #[test]
    fn a_pin_is_never_assigned_twice_whatever_the_claims() {
        let mut rng = fastrand::Rng::with_seed(7);
        for round in 0..2_000 {
            let requests: Vec<PinRequest> = (0..rng.usize(1..6))
                .map(|index| PinRequest {
                    image_url: format!("https://images.example.com/{}.jpg", rng.u8(0..2)),
                    description: rng.bool().then(|| "Patience".into()),
                    ..testdata::request(&index.to_string())
                })
                .collect();
            let claims: Vec<Claim<'_>> = requests.iter().map(|r| claim(r, later(rng.i64(0..400)))).collect();
            let pins: Vec<BoardPin> = (0..rng.usize(0..6))
                .map(|id| found(&requests[rng.usize(0..requests.len())], &id.to_string(), later(rng.i64(0..600))))
                .collect();
            let mut given: Vec<usize> = ruled(&claims, &pins)
                .into_iter()
                .filter_map(|ruling| if let Ruling::Adopt(p) = ruling { Some(p) } else { None })
                .collect();
            given.sort_unstable();
            let count = given.len();
            given.dedup();
            assert_eq!(given.len(), count, "round {round}");
        }
    }
}
