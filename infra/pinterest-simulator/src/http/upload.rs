//! The storage behind `upload_url`. It accepts a form with every upload parameter, followed by the file.

use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::limits;
use crate::simulator::Simulator;
use crate::storage_error::{self, StorageError};
use crate::world::upload::FileFacts;

/// The field with the file. Fields after it are ignored, as in S3.
const FILE: &str = "file";

pub async fn receive(State(simulator): State<Simulator>, form: Result<Multipart, MultipartRejection>) -> Response {
    match take(&simulator, form).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, [(header::CONTENT_TYPE, "application/xml")], error.xml()).into_response()
        }
    }
}

async fn take(simulator: &Simulator, form: Result<Multipart, MultipartRejection>) -> Result<(), StorageError> {
    let mut form = form.map_err(|_| storage_error::NOT_A_FORM)?;
    let (mut fields, mut file) = (Vec::new(), None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == FILE {
            file = Some(facts(field).await?);
            break;
        }
        if fields.len() == limits::MAX_UPLOAD_FIELDS {
            return Err(storage_error::FORM_BROKEN);
        }
        fields.push((name, text(field).await?));
    }
    let received = simulator.with(|provider, now_ms| {
        provider.world.commit_due(now_ms);
        provider.world.receive_upload(now_ms, &fields, file)
    });
    received.unwrap_or(Err(storage_error::JOURNAL_FAILED))
}

/// Reads the file and keeps only its size and its first bytes, because a file may be too large for memory.
async fn facts(mut field: Field<'_>) -> Result<FileFacts, StorageError> {
    let mut facts = FileFacts::default();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        facts.extend(&chunk);
    }
    Ok(facts)
}

async fn text(mut field: Field<'_>) -> Result<String, StorageError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > limits::MAX_UPLOAD_FIELD_BYTES {
            return Err(storage_error::FORM_BROKEN);
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| storage_error::FORM_BROKEN)
}

fn broken(error: MultipartError) -> StorageError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE { storage_error::TOO_LARGE } else { storage_error::FORM_BROKEN }
}
