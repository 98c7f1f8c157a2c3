//! The page of public errors is what the code says.

use pinbridge_shared::domain::import::StopReason;
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::pin::failure::Failure;

const PAGE: &str = include_str!("../../../infra/runbooks/errors.md");

#[test]
fn every_error_code_of_a_pin_is_on_the_page_with_its_message_and_remedy() {
    for failure in Failure::ALL {
        let row = format!("| `{}` | {} | {} |", failure.code(), failure.message(), failure.remedy());
        assert!(PAGE.contains(&row), "infra/runbooks/errors.md lacks:\n{row}");
    }
    for reason in WaitReason::ALL {
        let row = format!("| `{}` | {} | {} |", reason.code(), reason.message(), reason.remedy());
        assert!(PAGE.contains(&row), "infra/runbooks/errors.md lacks:\n{row}");
    }
    for reason in StopReason::ALL {
        let row = format!("| `{}` | {} |", reason.code(), reason.message());
        assert!(PAGE.contains(&row), "infra/runbooks/errors.md lacks:\n{row}");
    }
}

#[test]
fn the_page_lists_nothing_else() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, Failure::ALL.len() + WaitReason::ALL.len() + StopReason::ALL.len());
}
