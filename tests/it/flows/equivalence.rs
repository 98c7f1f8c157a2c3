//! A Pin that its board writes in another way than it was sent: it is recognised, and no second Pin is made.

use pinbridge_shared::domain::deadlines::Deadlines;
use pinbridge_shared::domain::ids::{AccountKey, PinId};
use pinbridge_shared::domain::link;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::idempotency::{content_hashes, content_hashes_of, content_hashes_to_read};
use pinbridge_shared::domain::reconcile::matching::{BoardPin, Likeness, Window, could_be, likeness};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS, Moment};
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::{START, TestWorld};
use pinterest_simulator::rewrite::Way;

/// Texts that can be written in several ways.
fn request(key: &str) -> PinRequest {
    PinRequest {
        title: "Crème & café: ♥ ﬁve cranes №5 (折り鶴), don't hurry ¼ cup™".into(),
        description: Some("Patience & “paper” – Café, Ｆｕｌｌ ｗｉｄｔｈ, パン, and a steady hand: it's all.".into()),
        link_url: Some(
            "https://xn--strae-oqa.example/caf%C3%A9/a+b%20caf%E9%C2%AD/it's~(a),b/%E6%8A%98?n=1&m=2#top".into(),
        ),
        ..testdata::request(key)
    }
}

fn quiesced_at() -> Moment {
    START.plus_ms(Deadlines::default().quiesce_ms)
}

async fn world() -> TestWorld {
    let world = TestWorld::new(3).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world
}

/// A create commits, its answer is lost, and lists show the Pin as `rewrite` leaves it.
async fn assert_adopted(asked: PinRequest, rewrite: fn(&mut BoardPin), way: &str) {
    let world = world().await;
    world.pinterest.rewrite_lists(rewrite);
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let key = world.accept_request(asked).await;
    world.run_until_finished(&[key], quiesced_at().plus_ms(3 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 1), "{way}");
    assert_eq!((world.pinterest.calls().len(), world.pinterest.pins().len()), (1, 1), "{way}: no second Pin");
    assert_eq!(attempt.pinterest_pin_id, Some(world.pinterest.pins()[0].id.clone()), "{way}");
}

fn write(pin: &mut BoardPin, ways: &[Way]) {
    let written = |value: Option<String>, write: fn(Way, &str) -> String| {
        value.map(|value| ways.iter().fold(value, |value, way| write(*way, &value)))
    };
    pin.link = written(pin.link.take(), Way::link);
    pin.title = written(pin.title.take(), Way::text);
    pin.description = written(pin.description.take(), Way::text);
}

/// A function for each list of ways: the fake takes no closures.
macro_rules! rewritten {
    ($($($way:ident),+;)*) => {
        [$((stringify!($($way),+), (|pin: &mut BoardPin| write(pin, &[$(Way::$way),+])) as fn(&mut BoardPin))),*]
    };
}

#[tokio::test]
async fn a_pin_is_adopted_in_whatever_way_its_board_writes_it() {
    let ways = rewritten![
        PercentEncoded;
        PercentDecoded;
        UnicodeHost;
        Punycode;
        WithPort;
        WithoutPort;
        HtmlEscaped;
        HtmlNumbered;
        Nfc;
        Nfd;
        Nfkc;
        Nfkd;
        PercentDecoded, Nfd;
        PercentDecoded, Nfkc, UnicodeHost;
        PercentDecoded, Nfkd, PercentEncoded, HtmlEscaped;
        UnicodeHost, WithPort, PercentEncoded, HtmlNumbered;
        HtmlEscaped, HtmlEscaped;
        HtmlNamed;
        HtmlOpen;
        JsonEscaped;
        JsonAscii;
        TextEncoded;
        PercentDecoded, UnicodeHost, JsonAscii;
        Latin1Encoded;
        Latin1Decoded;
        PlusForBlank;
        BlankForPlus;
        HostOf2003;
        WithoutUnseen;
        PercentDecoded, PlusForBlank, Nfd, HtmlNamed;
        Latin1Encoded, HostOf2003, WithPort, HtmlOpen;
        BlankForPlus, PercentDecoded, Nfkc, JsonEscaped;
        HtmlNamed, HtmlEscaped;
    ];
    for (way, rewrite) in ways {
        assert_adopted(request("key"), rewrite, way).await;
    }
}

/// What titles, paths and hosts are made of in the property below, each between two `|`.
const TEXTS: &str = "a|Crane| |é|è|ß|ﬁ|½|¼|♥|™|№|折り鶴|パ|&|&amp;|<|>|\"|'|’|“|–|…|a\u{ad}b|a\u{200b}b|❤\u{fe0f}|🦢|1|2|%\
    |/|;|eacute|&notes|e\u{301}|Þ|µ|α|\\|Σ";
const PATHS: &str = "a|Crane|%20|+|é|%C3%A9|%E9|%e8|ß|%DF|ﬁ|½|♥|™|折り鶴|%E3%83%91|&|&amp;|'|’|%27|“|–|-|_|~|(|)|,|;\
    |eacute|&copy|%25-|%2F|/|//|/./|a%C2%ADb|a\u{200b}b|🦢| |=|:|@|e\u{301}";
const HOSTS: &str = "https://example.com|HTTPS:www.Bücher.example:443|http://straße.de:80|https://xn--nxasmq6b.com\
    |https://βόλος.com|http://127.0.0.1:8080|http://[::1]|https://example.com.|https://例え.テスト";

fn made(rng: &mut fastrand::Rng, of: &str, pieces_max: usize) -> String {
    let of: Vec<&str> = of.split('|').collect();
    (0..rng.usize(1..=pieces_max)).map(|_| of[rng.usize(0..of.len())]).collect()
}

#[test]
fn a_pin_is_recognised_in_whatever_mixture_of_ways_its_board_writes_it() {
    let mut rng = fastrand::Rng::with_seed(12);
    for _ in 0..4_000 {
        let title = format!("T{}", made(&mut rng, TEXTS, 8));
        let given = format!("{}/{}", made(&mut rng, HOSTS, 1), made(&mut rng, PATHS, 8));
        let link_url = Some(link::parse(&given).expect("a link"));
        let description = Some(format!("{title} {title} {title}"));
        let request = PinRequest { title, link_url, description, ..testdata::request("key") };
        let drawn = Way::STAGES.map(|ways| rng.bool().then(|| ways[rng.usize(0..ways.len())]));
        let ways: Vec<Way> = drawn.into_iter().flatten().collect();
        let mut pin = BoardPin {
            id: "1".into(),
            created_at: Some(START),
            title: Some(request.title.clone()),
            description: request.description.clone(),
            link: request.link_url.clone(),
        };
        write(&mut pin, &ways);
        assert!(could_be(&request, &pin, Window::of(START, &Deadlines::default())), "{ways:?} {request:?} {pin:?}");
        assert_eq!(likeness(&request, &pin), Likeness::Same, "{ways:?} {request:?} {pin:?}");
        let of_pin = content_hashes_of(&request.board_id, &pin);
        assert!(content_hashes(&request).iter().any(|hash| of_pin.contains(hash)), "{ways:?} {request:?} {pin:?}");
    }
}

#[tokio::test]
async fn a_link_that_was_stored_as_it_was_given_is_recognised_in_the_form_that_pinterest_makes_of_it() {
    let ways = rewritten![PercentEncoded; Punycode; WithoutPort; HtmlEscaped; Punycode, WithoutPort, PercentEncoded;];
    for given in [
        "https://www.bücher.example:443/café/折り鶴?q=a b",
        "https://www.straße.example/a+b caf%E9\u{200b}/it’s",
        "HTTPS://BU\u{308}CHER.example/cafe\u{301}",
        "http://пример.рф:80",
    ] {
        for (way, rewrite) in ways {
            assert_adopted(PinRequest { link_url: Some(given.into()), ..request("key") }, rewrite, way).await;
        }
    }
}

#[tokio::test]
async fn a_pin_that_another_of_our_pins_owns_is_not_adopted_however_its_board_writes_it() {
    for (way, rewrite) in rewritten![Nfd; Nfkc; HtmlNumbered; PercentDecoded, Nfkd, HtmlEscaped;] {
        let world = world().await;
        world.pinterest.rewrite_lists(rewrite);
        world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
        // The second one's link and title are written otherwise and may be the same.
        let mut twin = request("twin");
        twin.title = twin.title.replace("ﬁ", "fi").replace('è', "e\u{300}");
        twin.link_url = twin.link_url.map(|link| link.replace("it's", "it%27s"));
        let keys = [world.accept_request(request("lost")).await, world.accept_request(twin).await];
        world.run_until_finished(&keys, quiesced_at().plus_ms(5 * MINUTE_MS)).await;
        let (lost, twin) = (world.attempt(keys[0]).await, world.attempt(keys[1]).await);
        assert_eq!((lost.status, lost.attempt), (Status::Published, 2), "{way}");
        assert_ne!(lost.pinterest_pin_id, twin.pinterest_pin_id, "{way}");
        assert_eq!(world.pinterest.pins().len(), 2, "{way}");
    }
}

fn account() -> AccountKey {
    testdata::connected_account().key
}

/// Replaces the rows by which the pin is found by the one that 0.2.0 wrote.
async fn as_of_the_old_build(world: &TestWorld, store: &pinbridge_shared::testing::fake_store::FakeStore, pin: PinId) {
    use pinbridge_shared::ports::Pins;
    let key = pinbridge_shared::domain::ids::PinKey { workspace: testdata::workspace(), pin };
    let (pin, _) = world.pin(key).await;
    for hash in content_hashes(&pin.request) {
        store.forget_sibling(account(), &hash, key.pin);
    }
    let previous = content_hashes_to_read(&pin.request).pop().expect("a hash");
    assert!(!content_hashes(&pin.request).contains(&previous), "it has no version");
    store.put_sibling(account(), &previous, key.pin, START.plus_ms(DAY_MS)).await.expect("written");
}

#[tokio::test]
async fn a_twin_of_the_old_build_is_found_by_the_hash_of_its_version() {
    let (world, store) = TestWorld::with_store(3).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let keys = [world.accept("lost").await, world.accept("published").await];
    for key in keys {
        as_of_the_old_build(&world, &store, key.pin).await;
    }
    world.run_until_finished(&keys, quiesced_at().plus_ms(3 * MINUTE_MS)).await;
    let (lost, published) = (world.attempt(keys[0]).await, world.attempt(keys[1]).await);
    assert_eq!((lost.status, lost.attempt), (Status::Published, 2), "its twin's Pin is not its own");
    assert_ne!(lost.pinterest_pin_id, published.pinterest_pin_id);
}
