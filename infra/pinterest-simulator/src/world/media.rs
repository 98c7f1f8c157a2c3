//! The media of Pins.

use serde::{Deserialize, Serialize};

/// The media of a Pin, by the `source_type` of its request. The bytes of images are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source_type", rename_all = "snake_case")]
pub enum Media {
    ImageUrl {
        url: String,
    },
    ImageBase64 {
        content_type: String,
        bytes: usize,
    },
    MultipleImageUrls(Carousel),
    MultipleImageBase64(Carousel),
    VideoId {
        media_id: String,
        #[serde(flatten)]
        cover: Cover,
    },
}

/// Several images of one Pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carousel {
    pub items: Vec<CarouselItem>,
    /// The image to show first, as it was given.
    pub index: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarouselItem {
    pub title: Option<String>,
    pub description: Option<String>,
    pub link: Option<String>,
    #[serde(flatten)]
    pub image: Image,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Image {
    Url { url: String },
    Base64 { content_type: String, bytes: usize },
}

/// The cover image of a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cover {
    Url {
        cover_image_url: String,
    },
    Base64 {
        cover_image_content_type: String,
        cover_image_bytes: usize,
    },
    /// Seconds into the video.
    KeyFrame {
        cover_image_key_frame_time: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_restores_every_kind_of_media() {
        let text = |text: &str| text.to_owned();
        let carousel = |image: Image| Carousel {
            items: vec![CarouselItem { title: Some(text("One")), description: None, link: None, image }; 2],
            index: 1,
        };
        let (content_type, bytes) = (text("image/png"), 70);
        let video = |cover: Cover| Media::VideoId { media_id: text("1"), cover };
        for media in [
            Media::ImageUrl { url: text("https://example.com/a.jpg") },
            Media::ImageBase64 { content_type: content_type.clone(), bytes },
            Media::MultipleImageUrls(carousel(Image::Url { url: text("https://example.com/a.jpg") })),
            Media::MultipleImageBase64(carousel(Image::Base64 { content_type: content_type.clone(), bytes })),
            video(Cover::Url { cover_image_url: text("https://example.com/a.jpg") }),
            video(Cover::Base64 { cover_image_content_type: content_type, cover_image_bytes: bytes }),
            video(Cover::KeyFrame { cover_image_key_frame_time: 7 }),
        ] {
            let line = serde_json::to_string(&media).expect("plain data");
            assert_eq!(serde_json::from_str::<Media>(&line).expect("its own JSON"), media, "{line}");
        }
    }
}
