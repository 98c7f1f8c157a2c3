use super::*;
use crate::adapters::pinterest::marks::{ADDRESS, CUT};

fn read(message: &str, own: &[&str]) -> String {
    Words::of(message, own).text()
}

#[test]
fn what_is_quoted_is_cut_out_in_every_kind_of_quotation_marks() {
    for message in [
        "Value 'curly url' is wrong",
        "value \"curly url\" is wrong",
        "Value ‘curly url’ is wrong",
        "Value “curly url” is wrong",
        "Value „curly url“ is wrong",
        "Value «curly url» is wrong",
        "Value « curly url » is wrong",
        "Value »curly url« is wrong",
        "Value ‹curly url› is wrong",
        "Value ‹ curly url › is wrong",
        "Value `curly url` is wrong",
        "Value [curly url] is wrong",
        "Value <curly url> is wrong",
        "Value 『curly url』 is wrong",
        "Value 「curly 「url」 url」 is wrong",
        "Value 《curly url》 is wrong",
        "Value ['curly', 'url'] is wrong",
        "Value &quot;curly url&quot; is wrong",
        "Value &#39;curly url&#39;  is\nwrong",
        "Value &ldquo;curly url&rdquo; is wrong",
        "Value &laquo;curly url&raquo; is wrong",
        r#"Value \"curly url\" is wrong"#,
        r"Value \u201ccurly url\u201d is wrong",
        "Value u'curly url' is wrong",
        "Value b'curly url' is wrong",
        "Value 'it's a curly url' is wrong",
        "Value ’it’s a curly url’ is wrong",
    ] {
        assert_eq!(read(message, &[]), format!("value {CUT} is wrong"), "{message}");
    }
}

#[test]
fn a_message_that_is_quoted_as_a_whole_is_read() {
    let said = "sorry we could not fetch the image";
    for message in [
        "Error: \"Sorry, we could not fetch the image.\"",
        "“Sorry, we could not fetch the image.”",
        "['Sorry, we could not fetch the image.']",
        "Pinterest API said: 'Sorry, we could not fetch the image.' (code 1)",
        "{\"message\": \"Sorry, we could not fetch the image.\"}",
    ] {
        assert!(read(message, &[]).contains(said), "{message}: {}", read(message, &[]));
    }
    for (message, own) in [
        ("Error: 'curly broken url'", ""),
        ("Error: \"How to fetch an image that is blocked\"", "How to fetch an image that is blocked"),
        ("Error: \"How to fetch an image that…\"", "How to fetch an image that is blocked"),
        ("Wrong title 'how to fetch an image'", ""),
        ("Error: 'Sorry, we could not fetch the image.'", "Sorry, we could not fetch the image"),
        ("Error: 'Could not fetch the image from a url'", "Could not fetch the image of a crane"),
    ] {
        let read = read(message, &[own]);
        assert!(read.contains(CUT) && !read.contains("fetch") && !read.contains("url"), "{message}: {read}");
    }
}

#[test]
fn what_reassures_is_cut_out_and_names_the_account() {
    for phrase in REASSURING {
        assert!(phrase.split(' ').any(|word| word == REASSURED), "{phrase}");
        let message = format!("We blocked it, {phrase}, once more: {phrase}");
        assert_eq!(read(&message, &[]), format!("we blocked it {CUT} once more {CUT}"), "{phrase}");
    }
    assert_eq!(read("Accounts are fine", &[]), "accounts are fine");
}

#[test]
fn an_apostrophe_is_no_quotation_mark() {
    for message in ["We've blocked what doesn't fit", "We’ve blocked what doesn’t fit"] {
        assert_eq!(read(message, &[]), "we've blocked what does not fit");
    }
    assert_eq!(read("The pins' owner isn't here", &[]), "the pins owner is not here");
    assert_eq!(read("an open 'quote", &[]), "an open quote");
    assert_eq!(read("I can't, I cannot", &[]), "i can not i can not");
}

#[test]
fn whole_words_count_and_beginnings_where_a_row_wants_them() {
    let words = Words::of("a valid url. It was fetched (curly)", &[]);
    assert!(words.say("url") && words.say("valid url") && words.say("fetch*") && words.say("was fetch*"));
    for phrase in ["fetch", "curl", "valid fetch*", "ched", "a url"] {
        assert!(!words.say(phrase), "{phrase}");
    }
}

#[test]
fn listed_scopes_are_pinterests_own_and_other_lists_are_not() {
    for message in ["Missing: ['boards:write', 'pins:write_secret']", "missing: boards:read, pins:write"] {
        assert_eq!(read(message, &[]), "missing scope: scope:", "{message}");
    }
    assert_eq!(read("Missing: ['title']", &[]), format!("missing {CUT}"));
}

#[test]
fn our_own_texts_are_cut_out_as_they_are_and_cut_off() {
    let cases = [
        ("The title Spam and fun is wrong", "Spam and fun", format!("the title {CUT} is wrong")),
        ("Title SPAM  and Fun!", "spam and fun", format!("title {CUT}")),
        ("Title A broken image of… is wrong", "A broken image of a blocked link", format!("title {CUT} is wrong")),
        ("Title Spammy ta... is wrong", "Spammy tales", format!("title {CUT} is wrong")),
        ("Title Cr\u{e8}me: spam", "Cre\u{300}me: spam", format!("title {CUT}")),
        ("Title Cre\u{300}me: spam", "Cr\u{e8}me: spam", format!("title {CUT}")),
        (r"Title u'Cr\xe8me: spam'", "Crème: spam", format!("title {CUT}")),
        (r"Title Cr\u00e8me: spam \ud83c\udf4b", "Crème: spam 🍋", format!("title {CUT}")),
        ("Title Cr&#232;me: spam", "Crème: spam", format!("title {CUT}")),
        ("Title Cr&egrave;me: spam", "Crème: spam", format!("title {CUT}")),
        ("Title Cr%C3%A8me: spam", "Crème: spam", format!("title {CUT}")),
        ("Title ﬁt & spam ½", "fit &amp; spam 1⁄2", format!("title {CUT}")),
        ("… curly and broken spam", "My hair: curly and broken spam", CUT.to_string()),
        ("Spammers", "spam", "spammers".into()),
        ("example.com/how-to-spam is wrong", "https://example.com/how-to-spam", format!("{ADDRESS} is wrong")),
        ("/how-to-spam is wrong", "https://example.com/how-to-spam", format!("{ADDRESS} is wrong")),
        ("at https://spam.example/url now", "", format!("at {ADDRESS} now")),
        ("at (www.spam.example), now", "", format!("at {ADDRESS} now")),
        (r"at 'https:\/\/spam.example\/url', now", "", format!("at {CUT} now")),
    ];
    for (message, own, expected) in cases {
        assert_eq!(read(message, &[own]), expected, "{message} / {own}");
    }
}

#[test]
fn hosts_that_end_alike_are_cut_whole() {
    let own = ["https://images.example.com/a-long-way-to-the-image.jpg", "spam.example.com", "images.example.com"];
    assert_eq!(read("spam.example.com is wrong", &own), format!("{ADDRESS} is wrong"));
    assert_eq!(read("Wrong: images.example.com, spam.example.com", &own), format!("wrong {ADDRESS} {ADDRESS}"));
}

/// Titles whose words Pinterest uses, too.
#[test]
fn a_text_of_pinterests_words_is_cut_only_where_it_is_set_off() {
    for (message, own) in [
        ("Unable to download the image from the site.", "Image"),
        ("Image could not be downloaded", "Image"),
        ("Your app has Trial access. Use the API Sandbox instead.", "Trial access"),
        ("Sorry, this image is broken. Please pick a different image.", "url"),
        ("Sorry, this image is broken. Please pick a different image.", "this image is broken"),
        ("Sorry, this image is broken. Please pick a different image.", "Sorry, this image is broken. And fun"),
        ("Sorry, image unavailable.", "Image unavailable"),
        ("Board not found.", "Board not found"),
        ("The link is blocked", "link"),
    ] {
        assert_eq!(read(message, &[own]), read(message, &[]), "{message} / {own}");
    }
    for (message, own, expected) in [
        ("Title Combat spam is wrong", "Combat spam", format!("title {CUT} is wrong")),
        ("Combat spam is too long", "Combat spam", format!("{CUT} is too long")),
        ("The alternative text rate limit is wrong", "rate limit", format!("the alternative text {CUT} is wrong")),
        ("Wrong: combat spam.", "Combat spam", format!("wrong {CUT}")),
        ("Wrong (Spam)", "Spam", format!("wrong {CUT}")),
        ("A board named Rate limit already exists", "Rate limit", format!("a board named {CUT} already exists")),
        ("Wrong value rate lim…", "Rate limit", format!("wrong value {CUT}")),
    ] {
        assert_eq!(read(message, &[own]), expected, "{message} / {own}");
    }
}

/// What stands behind the name of a field is its text, as a person names it or as a request does.
#[test]
fn a_text_behind_the_name_of_its_field_is_cut() {
    let text = "access token is invalid";
    for name in [
        "alt_text",
        "board_id",
        "board_section_id",
        "cover_image_url",
        "dominant_color",
        "image_url",
        "media_source",
        "parent_pin_id",
        "title",
        "description",
        "alt text",
        "caption",
        "link",
        "note",
        "url",
    ] {
        for message in [format!("{name} {text} exceeds 500 characters"), format!("{name}: {text} is too long")] {
            let said = read(&message, &[text]);
            assert!(said.contains(CUT) && !said.contains("token"), "{message}: {said}");
        }
        let said = read(&format!("{name} access token is inv… is too long"), &[text]);
        assert!(said.contains(CUT) && !said.contains("token"), "{name}: {said}");
    }
    // What Pinterest says of its own.
    for message in ["access_token is invalid", "The link is invalid", "This link access token is invalid"] {
        for own in ["is invalid", "access token is invalid"] {
            assert_eq!(read(message, &[own]), read(message, &[]), "{message} / {own}");
        }
    }
}

/// Also where the text is a sentence of Pinterest's.
#[test]
fn a_sentence_of_pinterests_is_ours_only_directly_behind_the_name_of_a_field() {
    for (message, own, expected) in [
        (
            "Title Board not found contains banned words",
            "Board not found",
            format!("title {CUT} contains banned words"),
        ),
        ("title: Board not found is too long", "Board not found", format!("title {CUT} is too long")),
        (
            "The description Board not found… is wrong",
            "Board not found in Rome",
            format!("the description {CUT} is wrong"),
        ),
        ("alt_text Authentication failed is too long", "Authentication failed", format!("alt_text {CUT} is too long")),
    ] {
        assert_eq!(read(message, &[own]), expected, "{message}");
    }
    for message in [
        "Board not found.",
        "board_id: Board not found",
        "Parameter title: Board not found.",
        "Please check the title. Board not found.",
        "Please check the title. Board not found on Pinterest",
        "The board was not found by its name",
    ] {
        assert_eq!(read(message, &["Board not found"]), read(message, &[]), "{message}");
    }
}

#[test]
fn no_token_is_left_in_a_message() {
    let token = Secret::new("secret-token");
    let message = "Token secret-token or pina_ABC-1_2, pinr_X. is wrong";
    assert_eq!(scrubbed(message, &token), "Token [token] or [token], [token]. is wrong");
    assert_eq!(scrubbed("as it is", &Secret::new("")), "as it is");
}
