//! `media/…`: registers uploads and reports their status.

use super::views::{PageView, RegisteredView, UploadView};
use super::{Reply, Request, params};
use crate::errors::ApiError;
use crate::world::World;
use crate::world::account::Caller;

/// The path of `upload_url` on the simulator, named like Pinterest's own bucket.
pub const UPLOAD_PATH: &str = "/pinterest-media-upload/";

pub fn create(world: &mut World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let fields = params::object(&request.body)?;
    let media_type = params::required_text(&fields, "media_type", usize::MAX)?;
    if media_type != "video" {
        return Err(ApiError::invalid(format!("'{media_type}' is not one of ['video']")));
    }
    let id = world.register_upload(now_ms, caller)?.id.clone();
    let upload = world.upload(caller, &id)?;
    let upload_url = format!("http://{}{UPLOAD_PATH}", request.host);
    Ok(Reply::with_json(201, &RegisteredView::of(upload, upload_url, world.upload_parameters(upload))))
}

pub fn get(world: &World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let upload = world.upload(caller, params::path_id(request, "media_id")?)?;
    Ok(Reply::with_json(200, &UploadView::of(upload, now_ms)))
}

pub fn list(world: &World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let page = world.list_uploads(caller, params::page(request)?)?;
    Ok(Reply::with_json(200, &PageView::of(page, |upload| UploadView::of(upload, now_ms))))
}
