//! Media uploads and the Pins that use them.

use super::*;
use crate::storage_error::{self, StorageError};
use crate::world::media::Cover;
use crate::world::upload::{FileFacts, UploadStatus};

const VIDEO: &[u8] = b"\0\0\0\x18ftypmp42 and so on";
const PICTURE: &[u8] = &[0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0, 0, 0, 0];

fn facts(file: &[u8]) -> FileFacts {
    let mut facts = FileFacts::default();
    // In pieces, as a network delivers the file.
    file.chunks(3).for_each(|chunk| facts.extend(chunk));
    facts
}

fn register(world: &mut World, caller: Caller) -> (String, Vec<(String, String)>) {
    let upload = world.register_upload(NOW_MS, caller).expect("registered").clone();
    let fields = world.upload_parameters(&upload).0.map(|(name, value)| (name.to_owned(), value));
    (upload.id, fields.into())
}

fn send(world: &mut World, fields: &[(String, String)], file: &[u8]) -> Result<(), StorageError> {
    world.receive_upload(NOW_MS, fields, Some(facts(file)))
}

#[test]
fn an_upload_is_registered_then_processing_then_final() {
    let mut world = world();
    let caller = caller(&world, 1);
    for (file, end) in [(VIDEO, UploadStatus::Succeeded), (PICTURE, UploadStatus::Failed), (b"", UploadStatus::Failed)]
    {
        let (id, fields) = register(&mut world, caller);
        let status =
            |world: &World, after_ms: i64| world.upload(caller, &id).expect("an upload").status(NOW_MS + after_ms);
        assert_eq!(status(&world, 1_000_000), UploadStatus::Registered);
        send(&mut world, &fields, file).expect("accepted");
        assert_eq!(status(&world, 0), UploadStatus::Processing);
        assert_eq!(status(&world, 4_999), UploadStatus::Processing);
        assert_eq!(status(&world, 5_000), end);
    }
}

#[test]
fn a_second_file_changes_nothing() {
    let mut world = world();
    let caller = caller(&world, 1);
    let (id, fields) = register(&mut world, caller);
    send(&mut world, &fields, PICTURE).expect("accepted");
    send(&mut world, &fields, VIDEO).expect("accepted again");
    assert_eq!(world.upload(caller, &id).expect("an upload").status(NOW_MS + 5_000), UploadStatus::Failed);
}

#[test]
fn a_form_must_have_every_upload_parameter_unchanged() {
    let mut world = world();
    let caller = caller(&world, 1);
    let (id, fields) = register(&mut world, caller);
    for index in 0..fields.len() {
        let (mut without, mut wrong) = (fields.clone(), fields.clone());
        let (name, _) = without.remove(index);
        wrong[index].1.push('x');
        let refusal = match name.as_str() {
            "key" | "Content-Type" => storage_error::CONDITION_FAILED,
            _ => storage_error::SIGNATURE_DOES_NOT_MATCH,
        };
        let absent = if name == "key" { storage_error::KEY_MISSING } else { refusal };
        assert_eq!(send(&mut world, &without, VIDEO), Err(absent), "without {name}");
        assert_eq!(send(&mut world, &wrong, VIDEO), Err(refusal), "with a wrong {name}");
    }
    assert_eq!(world.receive_upload(NOW_MS, &fields, None), Err(storage_error::FILE_MISSING));
    let late = world.receive_upload(NOW_MS + 3_600_000, &fields, Some(facts(VIDEO)));
    assert_eq!(late, Err(storage_error::POLICY_EXPIRED));
    assert_eq!(world.upload(caller, &id).expect("an upload").status(NOW_MS + 5_000), UploadStatus::Registered);
    let (_, others) = register(&mut world, caller);
    let mixed: Vec<_> = fields.iter().take(2).chain(&others[2..]).cloned().collect();
    assert_eq!(send(&mut world, &mixed, VIDEO), Err(storage_error::SIGNATURE_DOES_NOT_MATCH));
}

#[test]
fn a_pin_needs_a_succeeded_video_of_its_own_account() {
    let mut world = world();
    let (owner, stranger) = (caller(&world, 1), caller(&world, 2));
    let (media_id, fields) = register(&mut world, owner);
    let (failed_id, failed_fields) = register(&mut world, owner);
    let pin = |board: &str, media_id: &str| PinDraft {
        media: Media::VideoId {
            media_id: media_id.to_owned(),
            cover: Cover::KeyFrame { cover_image_key_frame_time: 1 },
        },
        ..draft(board, "video")
    };
    let ours = first_board();
    let theirs = seed_accounts(2)[1].boards[0].id.clone();
    let code = |refused: Result<&pin::Pin, errors::ApiError>| refused.err().map(|error| (error.status, error.code));
    let refused = Some((400, 1));
    assert_eq!(code(world.create_pin(NOW_MS, owner, pin(&ours, &media_id))), refused, "only registered");
    send(&mut world, &fields, VIDEO).expect("accepted");
    send(&mut world, &failed_fields, PICTURE).expect("accepted");
    assert_eq!(code(world.create_pin(NOW_MS + 4_999, owner, pin(&ours, &media_id))), refused, "still processing");
    assert!(world.plan_pin(NOW_MS + 4_999, NOW_MS + 9_000, owner, pin(&ours, &media_id)).is_err());
    assert_eq!(code(world.create_pin(NOW_MS + 5_000, owner, pin(&ours, &failed_id))), refused, "failed");
    assert_eq!(code(world.create_pin(NOW_MS + 5_000, owner, pin(&ours, "1"))), refused, "unknown");
    assert_eq!(code(world.create_pin(NOW_MS + 5_000, stranger, pin(&theirs, &media_id))), refused, "another's");
    assert!(world.create_pin(NOW_MS + 5_000, owner, pin(&ours, &media_id)).is_ok());
    assert_eq!(world.upload(stranger, &media_id).err(), Some(errors::MEDIA_NOT_FOUND));
}

#[test]
fn uploads_are_listed_per_account_and_newest_first() {
    let mut world = world();
    let (one, two) = (caller(&world, 1), caller(&world, 2));
    let ids: Vec<String> = [one, two, one].into_iter().map(|caller| register(&mut world, caller).0).collect();
    let page = world.list_uploads(one, PageRequest { size: 1, ..PageRequest::default() }).expect("a page");
    assert_eq!(page.items[0].id, ids[2]);
    let next = PageRequest { bookmark: page.bookmark, ..PageRequest::default() };
    let page = world.list_uploads(one, next).expect("a page");
    assert_eq!((page.items.len(), &page.items[0].id, page.bookmark), (1, &ids[0], None));
}
