//! Answers with every field of the OpenAPI schemas `Pin`, `Board`, `BoardSection`, `Media`, `MediaUpload` and
//! `Account`, so that typed clients can read them.

use serde::Serialize;

use super::media_view::{MediaView, creative_type};
use crate::world::World;
use crate::world::account::Account;
use crate::world::board::{Board, Privacy};
use crate::world::page::Page;
use crate::world::pin::Pin;
use crate::world::section::Section;
use crate::world::time::pinterest_time;
use crate::world::upload::{Upload, UploadParameters, UploadStatus};

/// A page of any items.
#[derive(Serialize)]
pub struct PageView<T> {
    items: Vec<T>,
    bookmark: Option<String>,
}

impl<T> PageView<T> {
    pub fn of<U>(page: Page<U>, view: impl Fn(U) -> T) -> Self {
        Self { items: page.items.into_iter().map(view).collect(), bookmark: page.bookmark }
    }
}

#[derive(Serialize)]
struct OwnerView<'a> {
    username: &'a str,
}

fn owner(world: &World, account: usize) -> OwnerView<'_> {
    OwnerView { username: world.account(account).map_or("", |account| &account.username) }
}

#[derive(Serialize)]
pub struct PinView<'a> {
    id: &'a str,
    created_at: String,
    link: Option<&'a str>,
    title: Option<&'a str>,
    description: Option<&'a str>,
    dominant_color: &'a str,
    alt_text: Option<&'a str>,
    creative_type: &'static str,
    board_id: &'a str,
    board_section_id: Option<&'a str>,
    board_owner: OwnerView<'a>,
    is_owner: bool,
    media: MediaView<'a>,
    parent_pin_id: Option<&'a str>,
    is_standard: bool,
    has_been_promoted: bool,
    pin_metrics: Option<()>,
}

/// The colour of every image. Pinterest computes it; the simulator does not analyse images.
const DOMINANT_COLOR: &str = "#6E7874";

impl<'a> PinView<'a> {
    pub fn of(world: &'a World, pin: &'a Pin) -> Self {
        let draft = &pin.draft;
        Self {
            id: &pin.id,
            created_at: pinterest_time(pin.created_at_ms),
            link: draft.link.as_deref(),
            title: draft.title.as_deref(),
            description: draft.description.as_deref(),
            dominant_color: draft.dominant_color.as_deref().unwrap_or(DOMINANT_COLOR),
            alt_text: draft.alt_text.as_deref(),
            creative_type: creative_type(&draft.media),
            board_id: &draft.board_id,
            board_section_id: draft.board_section_id.as_deref(),
            board_owner: owner(world, pin.account),
            is_owner: true,
            media: MediaView::of(pin),
            parent_pin_id: draft.parent_pin_id.as_deref(),
            is_standard: draft.is_standard,
            has_been_promoted: false,
            pin_metrics: None,
        }
    }
}

#[derive(Serialize)]
pub struct BoardView<'a> {
    id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    privacy: Privacy,
    created_at: String,
    board_pins_modified_at: String,
    collaborator_count: u32,
    follower_count: u32,
    pin_count: usize,
    is_ads_only: bool,
    owner: OwnerView<'a>,
    media: BoardMediaView,
}

#[derive(Serialize)]
struct BoardMediaView {
    image_cover_url: Option<String>,
    pin_thumbnail_urls: Vec<String>,
}

impl<'a> BoardView<'a> {
    pub fn of(world: &'a World, board: &'a Board) -> Self {
        Self {
            id: &board.id,
            name: &board.name,
            description: board.description.as_deref(),
            privacy: board.privacy,
            created_at: pinterest_time(board.created_at_ms),
            board_pins_modified_at: pinterest_time(board.pins_modified_at_ms.unwrap_or(board.created_at_ms)),
            collaborator_count: 0,
            follower_count: 0,
            pin_count: board.pin_count,
            is_ads_only: false,
            owner: owner(world, board.account),
            media: BoardMediaView { image_cover_url: None, pin_thumbnail_urls: Vec::new() },
        }
    }
}

#[derive(Serialize)]
pub struct SectionView<'a> {
    id: &'a str,
    name: &'a str,
}

impl<'a> SectionView<'a> {
    pub fn of(section: &'a Section) -> Self {
        Self { id: &section.id, name: &section.name }
    }
}

/// The schema `Media`.
#[derive(Serialize)]
pub struct UploadView<'a> {
    media_id: &'a str,
    media_type: &'static str,
    status: UploadStatus,
}

impl<'a> UploadView<'a> {
    pub fn of(upload: &'a Upload, now_ms: i64) -> Self {
        Self { media_id: &upload.id, media_type: "video", status: upload.status(now_ms) }
    }
}

/// The schema `MediaUpload`.
#[derive(Serialize)]
pub struct RegisteredView<'a> {
    media_id: &'a str,
    media_type: &'static str,
    upload_url: String,
    upload_parameters: UploadParameters,
}

impl<'a> RegisteredView<'a> {
    pub fn of(upload: &'a Upload, upload_url: String, upload_parameters: UploadParameters) -> Self {
        Self { media_id: &upload.id, media_type: "video", upload_url, upload_parameters }
    }
}

#[derive(Serialize)]
pub struct AccountView<'a> {
    id: &'a str,
    username: &'a str,
    account_type: &'static str,
    about: &'static str,
    business_name: &'a str,
    profile_image: String,
    website_url: String,
    board_count: usize,
    pin_count: usize,
    follower_count: u32,
    following_count: u32,
    monthly_views: u32,
}

impl<'a> AccountView<'a> {
    pub fn of(account: &'a Account, board_count: usize) -> Self {
        Self {
            id: &account.id,
            username: &account.username,
            account_type: "BUSINESS",
            about: "A simulated account.",
            business_name: &account.username,
            profile_image: format!("https://i.pinimg.com/280x280_RS/{}.jpg", account.id),
            website_url: format!("https://{}.example/", account.username.replace('_', "-")),
            board_count,
            pin_count: account.pin_count,
            follower_count: 0,
            following_count: 0,
            monthly_views: 0,
        }
    }
}
