//! `media` of a Pin in answers: the schema `PinMedia`, one variant per kind of media.

use serde::Serialize;

use crate::world::media::{CarouselItem, Media};
use crate::world::pin::Pin;

#[derive(Serialize)]
#[serde(tag = "media_type", rename_all = "snake_case")]
pub enum MediaView<'a> {
    Image {
        images: ImagesView,
    },
    MultipleImages {
        items: Vec<ItemView<'a>>,
    },
    /// The simulator does not analyse videos. The properties that Pinterest would measure are null, as the schema
    /// allows.
    Video {
        images: ImagesView,
        cover_image_url: String,
        video_url: Option<()>,
        duration: Option<()>,
        width: Option<()>,
        height: Option<()>,
    },
}

/// The schema `ImageMetadata`.
#[derive(Serialize)]
pub struct ItemView<'a> {
    item_type: &'static str,
    title: Option<&'a str>,
    description: Option<&'a str>,
    link: Option<&'a str>,
    images: ImagesView,
}

#[derive(Serialize)]
pub struct ImagesView {
    #[serde(rename = "150x150")]
    square: ImageView,
    #[serde(rename = "400x300")]
    landscape: ImageView,
    #[serde(rename = "600x")]
    medium: ImageView,
    #[serde(rename = "1200x")]
    large: ImageView,
}

#[derive(Serialize)]
struct ImageView {
    width: u32,
    height: u32,
    url: String,
}

impl<'a> MediaView<'a> {
    pub fn of(pin: &'a Pin) -> Self {
        let images = || ImagesView::of(&pin.id);
        match &pin.draft.media {
            Media::ImageUrl { .. } | Media::ImageBase64 { .. } => Self::Image { images: images() },
            Media::MultipleImageUrls(carousel) | Media::MultipleImageBase64(carousel) => {
                let numbered = carousel.items.iter().enumerate();
                Self::MultipleImages { items: numbered.map(|(index, item)| ItemView::of(pin, index, item)).collect() }
            }
            Media::VideoId { .. } => Self::Video {
                images: images(),
                cover_image_url: format!("https://i.pinimg.com/videos/thumbnails/originals/{}.jpg", pin.id),
                video_url: None,
                duration: None,
                width: None,
                height: None,
            },
        }
    }
}

impl<'a> ItemView<'a> {
    fn of(pin: &Pin, index: usize, item: &'a CarouselItem) -> Self {
        Self {
            item_type: "image",
            title: item.title.as_deref(),
            description: item.description.as_deref(),
            link: item.link.as_deref(),
            images: ImagesView::of(&format!("{}-{index}", pin.id)),
        }
    }
}

impl ImagesView {
    fn of(name: &str) -> Self {
        let sized = |size: &str, width, height| ImageView {
            width,
            height,
            url: format!("https://i.pinimg.com/{size}/{name}.jpg"),
        };
        Self {
            square: sized("150x150", 150, 150),
            landscape: sized("400x300", 400, 300),
            medium: sized("600x", 600, 900),
            large: sized("1200x", 1200, 1800),
        }
    }
}

/// The schema `CreativeType`.
pub fn creative_type(media: &Media) -> &'static str {
    match media {
        Media::ImageUrl { .. } | Media::ImageBase64 { .. } => "REGULAR",
        Media::MultipleImageUrls(_) | Media::MultipleImageBase64(_) => "CAROUSEL",
        Media::VideoId { .. } => "VIDEO",
    }
}
