//! The contract suites: the rules that every implementation of a port must keep, one function each.
//!
//! A suite's macro makes a test of every rule:
//!
//! ```ignore
//! mod the_fake_store { pinbridge_shared::store_contract!(super::fresh_fake_store); }
//! ```
//!
//! The argument is an async function that returns a fresh, empty implementation and a guard that keeps it alive.

pub mod activity;
pub mod connections;
pub mod credits;
pub mod imports;
pub mod people;
pub mod pin_index;
pub mod queue;
pub mod receipt_keys;
pub mod rollups;
pub mod schedules;
pub mod secrets;
pub mod store;
pub mod tenants;
pub mod webhooks;

/// Makes a test of each listed rule.
#[macro_export]
macro_rules! contract_cases {
    ($fresh:path; $($group:ident: $($rule:ident),+ $(,)?;)+) => {
        $($(
            #[tokio::test]
            async fn $rule() {
                let (subject, _kept_alive) = $fresh().await;
                $group::$rule(&*subject).await;
            }
        )+)+
    };
}

#[cfg(test)]
mod tests {
    /// Every rule of a file must be in the list: a rule that isn't would never run.
    fn assert_all_listed(file: &str, list: &str) {
        for line in file.lines() {
            let Some(rule) = line.strip_prefix("pub async fn ").and_then(|rest| rest.split('(').next()) else {
                continue;
            };
            let named = list
                .lines()
                .filter(|line| line.starts_with("            "))
                .any(|line| line.split([',', ';']).any(|word| word.trim() == rule));
            assert!(named, "{rule} is not in its suite's macro");
        }
    }

    #[test]
    fn every_rule_is_in_its_suite() {
        let store = include_str!("store/mod.rs");
        for file in [
            include_str!("store/accounts.rs"),
            include_str!("store/backlog.rs"),
            include_str!("store/markers.rs"),
            include_str!("store/unresolved.rs"),
            include_str!("store/edits.rs"),
            include_str!("store/pacing.rs"),
            include_str!("store/pins.rs"),
            include_str!("store/together.rs"),
        ] {
            assert_all_listed(file, store);
        }
        assert_all_listed(include_str!("activity.rs"), include_str!("activity.rs"));
        assert_all_listed(include_str!("connections.rs"), include_str!("connections.rs"));
        assert_all_listed(include_str!("credits.rs"), include_str!("credits.rs"));
        assert_all_listed(include_str!("imports.rs"), include_str!("imports.rs"));
        assert_all_listed(include_str!("queue.rs"), include_str!("queue.rs"));
        assert_all_listed(include_str!("receipt_keys.rs"), include_str!("receipt_keys.rs"));
        assert_all_listed(include_str!("schedules.rs"), include_str!("schedules.rs"));
        assert_all_listed(include_str!("secrets.rs"), include_str!("secrets.rs"));
        assert_all_listed(include_str!("tenants.rs"), include_str!("tenants.rs"));
        assert_all_listed(include_str!("people.rs"), include_str!("people.rs"));
        assert_all_listed(include_str!("pin_index.rs"), include_str!("pin_index.rs"));
        assert_all_listed(include_str!("rollups.rs"), include_str!("rollups.rs"));
        assert_all_listed(include_str!("webhooks.rs"), include_str!("webhooks.rs"));
    }
}
