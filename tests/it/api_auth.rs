//! Whom each route of the table is for, through the API's own router over fakes.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use pinbridge_api::auth::Access;
use pinbridge_api::routes;
use pinbridge_shared::testing::TestWorld;
use serde_json::Value;
use tower::ServiceExt;

#[tokio::test]
async fn without_credentials_only_public_routes_answer() {
    let world = TestWorld::new(1).await;
    for route in routes::table() {
        let path = route.path.replace("{id}", "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6");
        let request = Request::builder().method(&route.method).uri(&path).body(Body::empty()).expect("a request");
        let response = pinbridge_api::router(world.world.clone()).oneshot(request).await.expect("answers");
        let status = response.status().as_u16();
        if route.access == Access::Public {
            assert_ne!(status, 401, "{} {path}", route.method);
            continue;
        }
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let body: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!((status, body["code"].as_str()), (401, Some("missing_api_key")), "{} {path}", route.method);
    }
}
