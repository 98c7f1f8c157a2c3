//! The explanations of `/docs` in addition to the operations: the guide, and the events and notes of a timeline.

use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::pin::timeline::DeliveryStanding;

/// Getting started, authentication, idempotency, waiting, webhooks, paging and errors.
pub const GUIDE: &str = include_str!("guide.html");

/// The sections of [`GUIDE`]: anchor and heading.
pub const SECTIONS: [(&str, &str); 7] = [
    ("start", "Getting started"),
    ("authentication", "Authentication"),
    ("idempotency", "Idempotency"),
    ("waiting", "Pacing and waiting"),
    ("receiving", "Receiving webhooks"),
    ("paging", "Lists and paging"),
    ("handling-errors", "Errors"),
];

/// Every event of a timeline by its name. `accepted` comes from the row of the pin, not from its history; deliveries to
/// webhooks come from rows of their own.
pub fn events() -> Vec<(&'static str, &'static str)> {
    let accepted = (
        "accepted",
        "The pin was accepted and stored; `by` and `origin` say who sent it, and in which way. The system \
                      publishes it, or it fails with an error code.",
    );
    let kinds = EventKind::all().map(|kind| (kind.name(), explained(kind)));
    let deliveries = DeliveryStanding::ALL.map(|standing| (standing.name(), explained_delivery(standing)));
    std::iter::once(accepted).chain(kinds).chain(deliveries).collect()
}

/// The match is exhaustive, so every event has an explanation.
fn explained(kind: EventKind) -> &'static str {
    use EventKind as K;
    match kind {
        K::AttemptStarted => {
            "An attempt was recorded, just before the call to Pinterest. A note says how many earlier deliveries of the \
             pin's message came to nothing."
        }
        K::NotSent => "The recorded call was not made, because it would have been too late. Another attempt follows.",
        K::Published => {
            "Pinterest created the Pin in answer to the attempt. The pin is finished. `content_hash` is that of the \
             content, which can't be changed any more."
        }
        K::Adopted => {
            "The board shows the Pin of an attempt of unknown outcome: its title, link and time, as far as the board \
             shows them, are those of the attempt. `created_on_pinterest_at` is the time that the \
             board shows. The pin is finished."
        }
        K::AnswerUnknown => {
            "No answer came from Pinterest, or its answer left open whether the Pin was created. The board is read at \
             `next_at` before the pin is sent again."
        }
        K::NotOnPinterest => "The board does not show the Pin. The pin is sent again.",
        K::ReconcileInconclusive => {
            "A reading of the board was not conclusive; the note says why. The board is read again at `next_at`."
        }
        K::RetryPlanned => {
            "The attempt failed for a temporary reason; the note is its code. The next attempt is at `next_at`."
        }
        K::Deferred => {
            "The pin waits; the note is the code of the reason. `next_at` is the end of the wait, if it is known. Of a \
             wait for a person, it is the time before which nothing was tried. The pin's place at that time is not kept; \
             `next` has the present one."
        }
        K::Failed => {
            "The pin failed; the note is the code. The pin is finished unless it is retried. Of `outcome_ambiguous`, \
             `candidates` names the Pins that could be the pin's."
        }
        K::Retried => "The failed pin was retried, by whom `by` says; the note is the code of its failure.",
        K::DuplicateFound => "A check after publishing found a second Pin with the same content; the note has its id.",
        K::DuplicateRemoved => "The second Pin was deleted from Pinterest; the note has its id.",
        K::Edited => {
            "The pin's content was changed, by whom `by` says; `changed_fields` names the fields. Their values before \
             are not kept."
        }
        K::Deleted => "A caller deleted the pin.",
        K::RemovedFromPinterest => "The published Pin is no longer on Pinterest. The pin's status stays `published`.",
        K::Superseded => "The pin's schedule was retried with another pin. This pin can't be retried any more.",
        K::ResolvedByPerson => {
            "It was decided which Pin on Pinterest is the pin's, by whom `by` says; the note has the Pin's id. \
             `created_on_pinterest_at` is the time that the board showed. The pin is finished."
        }
        K::NoneByPerson => {
            "It was decided that no Pin on Pinterest is the pin's, by whom `by` says; the note is the code of the \
             failure that left this open. The pin can be retried."
        }
        K::Undeliverable => {
            "The pin's message was delivered as often as the queue allows, and the note says how many of the deliveries \
             did nothing. The pin fails as `dead_lettered`."
        }
        K::Omitted => {
            "A long history keeps its first two and its last five events. This event stands for the others; \
             `omitted_count` is their number."
        }
    }
}

fn explained_delivery(standing: DeliveryStanding) -> &'static str {
    use DeliveryStanding as D;
    match standing {
        D::Delivered => "A webhook accepted an event of the pin; `delivery` says which webhook and event.",
        D::Failing => {
            "A webhook has not accepted an event of the pin yet. The next try is at `next_at`, if it is known."
        }
        D::GaveUp => "A webhook did not accept an event of the pin, and no other try follows unless it is requested.",
        D::Waiting => {
            "An event of the pin was not sent to a webhook yet, because the webhook is failing or disabled, or an event \
             is sent again on request."
        }
    }
}

/// The notes of `look_up_inconclusive` that aren't error codes.
pub const LOOK_UP_NOTES: [(&str, &str); 10] = [
    ("not_seen_yet", "The board does not show the Pin. Because lists of Pinterest lag, a second reading decides."),
    ("empty_list", "The board lists no Pin at all. Several readings over six hours decide."),
    ("list_cut_off", "The list of the board ended with a full page, so more Pins may follow. Several readings decide."),
    ("list_not_in_order", "The list of the board was not in order, so it may lack a Pin. Several readings decide."),
    (
        "list_changed_its_order",
        "The list of the board was in another order on each page, so it lacks some Pins. Another reading decides.",
    ),
    ("owner_unclear", "The board shows a Pin that could belong to more than one pin. A second reading decides."),
    ("twin_open", "The outcome of another pin with the same content is also unknown. One reading resolves both."),
    (
        "twin_settled",
        "The last reading resolved another pin with the same content. The next reading decides about this one.",
    ),
    ("too_many_alike", "The board shows more similar Pins than one reading can compare."),
    ("board_too_long", "The board has more Pins since the attempt than one reading can process."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use pinbridge_shared::domain::pin::WaitReason;
    use pinbridge_shared::domain::pin::failure::Failure;
    use pinbridge_shared::domain::pin::sentences::look_up_reason;

    use super::*;

    #[test]
    fn every_event_has_a_name_and_an_explanation_of_its_own() {
        let events = events();
        let names: BTreeSet<&str> = events.iter().map(|(name, _)| *name).collect();
        let explanations: BTreeSet<&str> = events.iter().map(|(_, text)| *text).collect();
        assert_eq!((names.len(), explanations.len()), (events.len(), events.len()));
    }

    /// The notes are texts in the files that read boards; a new one fails here until it is explained.
    #[test]
    fn every_note_of_a_look_up_is_explained() {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/src");
        let flows = std::fs::read_dir(shared.join("flows/reconcile")).expect("the flows");
        let mut files: Vec<_> = flows.map(|file| file.expect("a file").path()).collect();
        files.push(shared.join("domain/reconcile/board_scan.rs"));
        let mut explained: BTreeSet<&str> = LOOK_UP_NOTES.iter().map(|(note, _)| *note).collect();
        let named = explained.clone();
        explained.extend(Failure::ALL.map(Failure::code));
        explained.extend(WaitReason::ALL.map(WaitReason::code));
        // Texts of the log.
        explained.extend(["out_of_time", "snake_case"]);
        let mut used = BTreeSet::new();
        for file in files {
            let source = std::fs::read_to_string(&file).expect("a source file");
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for text in source.split('"').skip(1).step_by(2).filter(|text| is_note(text)) {
                assert!(explained.contains(text), "{text} of {} has no explanation", file.display());
                used.extend(named.get(text));
            }
        }
        assert_eq!(used, named, "a note that no flow writes");
    }

    #[test]
    fn every_note_of_a_look_up_has_a_sentence() {
        for (note, _) in LOOK_UP_NOTES {
            assert!(look_up_reason(note).is_some(), "{note}");
        }
    }

    fn is_note(text: &str) -> bool {
        text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }

    #[test]
    fn every_section_of_the_guide_is_in_the_index() {
        let headings = SECTIONS.map(|(anchor, heading)| format!("<h2 id=\"{anchor}\">{heading}</h2>"));
        assert!(headings.iter().all(|heading| GUIDE.contains(heading)));
        assert_eq!(GUIDE.matches("<h2").count(), SECTIONS.len());
    }
}
