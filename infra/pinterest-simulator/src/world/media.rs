//! What Pins show.

use serde::{Deserialize, Serialize};

/// The media of a Pin, by the `source_type` it was asked for with. The bytes of images are not kept.
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

/// Several images to leaf through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carousel {
    pub items: Vec<CarouselItem>,
    /// Which one is shown first; kept as it was given.
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

/// The still that stands for a video.
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
