//! `infra/runbooks/README.md` names every alarm of the template, and every reason for which a pin waits.

use pinbridge_shared::domain::pin::WaitReason;

const PAGE: &str = include_str!("../../../infra/runbooks/README.md");
const TEMPLATE: &str = include_str!("../../../template.yaml");

#[test]
fn every_alarm_has_a_runbook() {
    let names = TEMPLATE.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix("Alarm:"));
    let alarms: Vec<String> = names.map(|name| format!("`{name}Alarm`")).collect();
    assert!(!alarms.is_empty(), "template.yaml has alarms");
    for alarm in alarms {
        assert!(PAGE.contains(&alarm), "infra/runbooks/README.md lacks {alarm}");
    }
}

#[test]
fn every_reason_to_wait_is_in_the_table_of_waiting_pins() {
    for reason in WaitReason::ALL {
        assert!(
            PAGE.contains(&format!("| `{}` | ", reason.code())),
            "infra/runbooks/README.md lacks {}",
            reason.code()
        );
    }
}
