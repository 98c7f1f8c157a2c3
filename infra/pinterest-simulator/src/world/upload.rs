//! Media uploads: registered with Pinterest, sent to a separate storage, processed for a while, then used by Pins.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};

use super::account::{AccountIndex, Caller};
use super::event::Event;
use super::page::{Cursor, Page, PageRequest};
use super::time;
use super::{World, ids};
use crate::errors::{self, ApiError};
use crate::limits;
use crate::storage_error::{self, StorageError};

/// The content type that a form must have, in its header and in its field.
const CONTENT_TYPE: &str = "multipart/form-data";
/// The field of the form that names the upload.
const KEY: &str = "key";

/// A registered upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Upload {
    /// `media_id`.
    pub id: String,
    pub account: AccountIndex,
    pub registered_at_ms: i64,
    signature: String,
    /// Rebuilt from the events.
    #[serde(skip)]
    received: Option<Received>,
}

/// A received file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    pub bytes: u64,
    /// Whether processing will succeed.
    pub is_video: bool,
    /// When processing ends, in Unix milliseconds.
    pub processed_at_ms: i64,
}

/// `MediaUploadStatus` (OpenAPI 5.23.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UploadStatus {
    Registered,
    Processing,
    Succeeded,
    Failed,
}

/// `upload_parameters` (OpenAPI 5.23.0, `MediaUploadParameters`): the fields that the form must have before its file.
#[derive(Debug, Clone)]
pub struct UploadParameters(pub [(&'static str, String); 8]);

impl Serialize for UploadParameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The first bytes of a file, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileFacts {
    pub head: [u8; FileFacts::HEAD],
    pub bytes: u64,
}

impl FileFacts {
    /// Bytes of the header of an MP4 or QuickTime box: four of length, four of type.
    pub const HEAD: usize = 8;
    const FIRST_BOXES: [&[u8; 4]; 6] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];

    /// Adds more bytes of the file.
    pub fn extend(&mut self, chunk: &[u8]) {
        let start = self.bytes.min(Self::HEAD as u64) as usize;
        for (slot, byte) in self.head[start..].iter_mut().zip(chunk) {
            *slot = *byte;
        }
        self.bytes += chunk.len() as u64;
    }

    /// Whether the file starts like an MP4 or QuickTime file. The rest is not checked.
    pub fn is_video(&self) -> bool {
        self.bytes > Self::HEAD as u64 && Self::FIRST_BOXES.iter().any(|name| self.head[4..] == name[..])
    }
}

impl Upload {
    pub fn status(&self, now_ms: i64) -> UploadStatus {
        match self.received {
            None => UploadStatus::Registered,
            Some(received) if now_ms < received.processed_at_ms => UploadStatus::Processing,
            Some(received) if received.is_video => UploadStatus::Succeeded,
            Some(_) => UploadStatus::Failed,
        }
    }

    fn expires_at_ms(&self) -> i64 {
        self.registered_at_ms + limits::UPLOAD_LIFETIME_S * 1000
    }

    fn parameters(&self, account_id: &str) -> UploadParameters {
        let [.., a, b, c] = self.id.parse::<u64>().unwrap_or_default().to_be_bytes();
        let key = format!("uploads/{a:02x}/{b:02x}/{c:02x}/2:video:{account_id}:{}", self.id);
        let date = time::compact_time(self.registered_at_ms);
        let policy = format!(
            r#"{{"expiration":"{}Z","conditions":[["eq","${KEY}","{key}"],["eq","$Content-Type","{CONTENT_TYPE}"]]}}"#,
            time::pinterest_time(self.expires_at_ms())
        );
        UploadParameters([
            ("Content-Type", CONTENT_TYPE.to_owned()),
            (KEY, key),
            ("policy", STANDARD.encode(policy)),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("x-amz-credential", format!("ASIASIMULATED/{}/us-east-1/s3/aws4_request", &date[..8])),
            ("x-amz-date", date),
            ("x-amz-security-token", STANDARD.encode(format!("simulated token of media {}", self.id))),
            ("x-amz-signature", self.signature.clone()),
        ])
    }
}

impl World {
    /// Registers an upload. `receive_upload` accepts its file, once.
    pub fn register_upload(&mut self, now_ms: i64, caller: Caller) -> Result<&Upload, ApiError> {
        let ordinal = self.uploads.len();
        let upload = Upload {
            id: ids::media_id(ordinal),
            account: caller.account,
            registered_at_ms: now_ms,
            signature: ids::signature(self.settings.seed, ordinal as u64),
            received: None,
        };
        self.commit(Event::UploadRegistered { upload });
        self.uploads.last().ok_or(errors::MEDIA_NOT_FOUND)
    }

    pub fn upload_parameters(&self, upload: &Upload) -> UploadParameters {
        upload.parameters(self.account(upload.account).map_or("", |account| &account.id))
    }

    /// An upload of the caller.
    pub fn upload(&self, caller: Caller, id: &str) -> Result<&Upload, ApiError> {
        let upload = self.upload_ordinals.get(id).and_then(|ordinal| self.uploads.get(*ordinal));
        upload.filter(|upload| upload.account == caller.account).ok_or(errors::MEDIA_NOT_FOUND)
    }

    /// Uploads of the caller, newest first.
    pub fn list_uploads(&self, caller: Caller, request: PageRequest) -> Result<Page<&Upload>, ApiError> {
        let before = Cursor::decode(request.bookmark.as_deref(), "media")?;
        let account = self.account(caller.account).ok_or(errors::AUTHENTICATION_FAILED)?;
        Ok(Page::newest_first(&account.uploads, before, request.size, "media", |ordinal| self.uploads.get(ordinal)))
    }

    /// Receives a form for the storage; `fields` are those before the file. A second file is accepted and changes
    /// nothing.
    pub fn receive_upload(
        &mut self,
        now_ms: i64,
        fields: &[(String, String)],
        file: Option<FileFacts>,
    ) -> Result<(), StorageError> {
        let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let key = field(KEY).ok_or(storage_error::KEY_MISSING)?;
        let file = file.ok_or(storage_error::FILE_MISSING)?;
        let id = key.rsplit(':').next().unwrap_or_default();
        let upload = self.upload_ordinals.get(id).and_then(|ordinal| self.uploads.get(*ordinal));
        let upload = upload.ok_or(storage_error::CONDITION_FAILED)?;
        for (name, value) in self.upload_parameters(upload).0 {
            if field(name) != Some(value.as_str()) {
                let by_policy = matches!(name, KEY | "Content-Type");
                return Err(if by_policy {
                    storage_error::CONDITION_FAILED
                } else {
                    storage_error::SIGNATURE_DOES_NOT_MATCH
                });
            }
        }
        if now_ms >= upload.expires_at_ms() {
            return Err(storage_error::POLICY_EXPIRED);
        }
        if upload.received.is_none() {
            let processed_at_ms = now_ms.saturating_add_unsigned(self.settings.media_processing_ms);
            let received = Received { bytes: file.bytes, is_video: file.is_video(), processed_at_ms };
            self.commit(Event::UploadReceived { id: id.to_owned(), received });
        }
        Ok(())
    }

    pub(super) fn add_upload(&mut self, upload: Upload) {
        let ordinal = self.uploads.len();
        self.upload_ordinals.insert(upload.id.clone(), ordinal);
        if let Some(account) = self.accounts.get_mut(upload.account) {
            account.uploads.push(ordinal);
        }
        self.uploads.push(upload);
    }

    pub(super) fn mark_received(&mut self, id: &str, received: Received) {
        let upload = self.upload_ordinals.get(id).and_then(|ordinal| self.uploads.get_mut(*ordinal));
        if let Some(upload) = upload {
            upload.received = Some(received);
        }
    }
}
