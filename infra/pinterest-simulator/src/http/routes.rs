//! The table of routes.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::{authorize, control, upload, v5};
use crate::api::uploads::UPLOAD_PATH;
use crate::limits;
use crate::operations::Operation::{
    BoardSectionsCreate, BoardSectionsDelete, BoardSectionsList, BoardSectionsListPins, BoardSectionsUpdate,
    BoardsCreate, BoardsDelete, BoardsGet, BoardsList, BoardsListPins, BoardsUpdate, MediaCreate, MediaGet, MediaList,
    OauthToken, PinsAnalytics, PinsCreate, PinsDelete, PinsGet, PinsList, TermsRelatedList, UserAccountAnalytics,
    UserAccountGet,
};
use crate::simulator::Simulator;

pub fn router(simulator: Simulator) -> Router {
    Router::new()
        // Pinterest, https://api.pinterest.com
        .route("/v5/oauth/token", v5::post(OauthToken))
        .route("/v5/user_account", v5::get(UserAccountGet))
        .route("/v5/user_account/analytics", v5::get(UserAccountAnalytics))
        .route("/v5/boards", v5::get(BoardsList).merge(v5::post(BoardsCreate)))
        .route(
            "/v5/boards/{board_id}",
            v5::get(BoardsGet).merge(v5::patch(BoardsUpdate)).merge(v5::delete(BoardsDelete)),
        )
        .route("/v5/boards/{board_id}/pins", v5::get(BoardsListPins))
        .route("/v5/boards/{board_id}/sections", v5::get(BoardSectionsList).merge(v5::post(BoardSectionsCreate)))
        .route(
            "/v5/boards/{board_id}/sections/{section_id}",
            v5::patch(BoardSectionsUpdate).merge(v5::delete(BoardSectionsDelete)),
        )
        .route("/v5/boards/{board_id}/sections/{section_id}/pins", v5::get(BoardSectionsListPins))
        .route("/v5/media", v5::get(MediaList).merge(v5::post(MediaCreate)))
        .route("/v5/media/{media_id}", v5::get(MediaGet))
        .route("/v5/pins", v5::get(PinsList).merge(v5::post(PinsCreate)))
        .route("/v5/pins/{pin_id}", v5::get(PinsGet).merge(v5::delete(PinsDelete)))
        .route("/v5/pins/{pin_id}/analytics", v5::get(PinsAnalytics))
        .route("/v5/terms/related", v5::get(TermsRelatedList))
        // Pinterest, https://www.pinterest.com
        .route("/oauth/", get(authorize::redirect))
        .route("/oauth", get(authorize::redirect))
        // Pinterest's storage, https://pinterest-media-upload.s3-accelerate.amazonaws.com
        .route(UPLOAD_PATH, post(upload::receive).layer(DefaultBodyLimit::max(limits::MAX_UPLOAD_BYTES)))
        // Control plane
        .route("/_sim/pins", get(control::pins))
        .route("/_sim/requests", get(control::requests))
        .route("/_sim/faults", get(control::faults).put(control::replace_faults).delete(control::clear_faults))
        .fallback(v5::not_found)
        .method_not_allowed_fallback(v5::method_not_allowed)
        .layer(DefaultBodyLimit::max(limits::MAX_BODY_BYTES))
        .with_state(simulator)
}
