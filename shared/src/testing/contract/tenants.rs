//! The rules of workspaces and keys.

use uuid::Uuid;

use crate::domain::api_key::{PresentedKey, Workspace, compose};
use crate::domain::ids::WorkspaceId;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::Tenants;

/// Runs every rule; the async function answers `(Arc<dyn Tenants>, guard)`.
#[macro_export]
macro_rules! tenants_contract {
    ($fresh:path) => {
        use $crate::testing::contract::tenants;
        $crate::contract_cases!($fresh;
            tenants:
            a_workspace_is_read_back,
            an_api_key_is_known_by_its_whole_text_only;
        );
    };
}

pub async fn a_workspace_is_read_back(tenants: &dyn Tenants) {
    let workspace = Workspace { id: testdata::workspace(), name: "Paper & Co.".into() };
    assert_eq!(tenants.workspace(workspace.id).await.expect("read"), None, "an empty table knows no workspace");
    tenants.put_workspace(&workspace).await.expect("written");
    tenants.put_workspace(&workspace).await.expect("writing it again is harmless");
    assert_eq!(tenants.workspace(workspace.id).await.expect("read"), Some(workspace));
}

pub async fn an_api_key_is_known_by_its_whole_text_only(tenants: &dyn Tenants) {
    let key = |workspace: u128, secret: u8| {
        PresentedKey::parse(&compose(WorkspaceId(Uuid::from_u128(workspace)), [secret; 32])).expect("a key")
    };
    tenants.put_api_key(&key(1, 7), "first key", Moment(1)).await.expect("written");
    assert!(tenants.api_key_exists(&key(1, 7)).await.expect("read"), "the stored key is known");
    assert!(!tenants.api_key_exists(&key(1, 8)).await.expect("read"), "another secret is unknown");
    assert!(!tenants.api_key_exists(&key(2, 7)).await.expect("read"), "another workspace's is unknown");
}
