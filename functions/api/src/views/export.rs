//! An export's lines, each a JSON object with its `kind`.

use pinbridge_shared::domain::pin::timeline;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::tenants::export::{Cursor, Entry, Page};
use serde_json::{Value, json};

use super::{event, pin, schedules};
use crate::routes::accounts::Account;

/// A page ends before it is longer than this. Lambda's answers end at 6 MB; the longest line is some kilobytes.
pub const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The lines of a page, up to [`PAGE_BYTES_MAX`], and where the next one begins.
pub fn lines(page: &Page, now: Moment) -> (String, Option<Cursor>) {
    cut(page, now, PAGE_BYTES_MAX)
}

fn cut(page: &Page, now: Moment, bytes_max: usize) -> (String, Option<Cursor>) {
    let (mut lines, mut last) = (String::new(), None);
    for entry in &page.entries {
        let line = line(entry, now).to_string();
        // A page has at least one line, or it would never go on.
        if let Some(last) = last.filter(|_| lines.len() + line.len() + 1 > bytes_max) {
            return (lines, Some(last));
        }
        lines.push_str(&line);
        lines.push('\n');
        last = Some(entry.cursor());
    }
    (lines, page.next)
}

fn line(entry: &Entry, now: Moment) -> Value {
    match entry {
        Entry::Account(account, bucket) => {
            let mut line = json!(Account::of(account, bucket, now));
            line["kind"] = json!("account");
            line
        }
        Entry::Schedule(view) => {
            let mut line = schedules::schedule(view);
            line["kind"] = json!("schedule");
            line
        }
        Entry::Pin(view) => {
            let mut line = pin(view);
            line["kind"] = json!("pin");
            line["events"] = timeline::events(&view.pin, &view.attempt).iter().map(event).collect();
            line
        }
    }
}

#[cfg(test)]
mod tests {
    use pinbridge_shared::domain::account::Account;
    use pinbridge_shared::domain::account::credentials::TokenLife;
    use pinbridge_shared::domain::ids::{AccountId, AccountKey, WorkspaceId};
    use pinbridge_shared::domain::pacing::bucket::Bucket;
    use uuid::Uuid;

    use super::*;

    fn account(id: u128) -> Entry {
        let key = AccountKey { workspace: WorkspaceId(Uuid::from_u128(1)), account: AccountId(Uuid::from_u128(id)) };
        let account = Account {
            key,
            pinterest_user_id: "1".into(),
            username: None,
            display_name: None,
            scopes: String::new(),
            created_at: Moment(0),
            updated_at: Moment(0),
            revoked_at: None,
            life: TokenLife::default(),
            rev: 1,
            nonce: "n".into(),
        };
        Entry::Account(Box::new(account), Bucket::default())
    }

    #[test]
    fn a_page_ends_before_its_limit_in_bytes_and_goes_on_behind_its_last_line() {
        let page = Page { entries: (1..=3).map(account).collect(), next: Some(Cursor::Pins) };
        let (all, next) = lines(&page, Moment(0));
        assert_eq!((all.lines().count(), next), (3, Some(Cursor::Pins)));
        let one = all.lines().next().expect("a line").len() + 1;
        for (bytes_max, wanted) in [(2 * one, 2), (2 * one - 1, 1), (1, 1)] {
            let (some, next) = cut(&page, Moment(0), bytes_max);
            assert_eq!(some.lines().count(), wanted, "{bytes_max} bytes");
            assert_eq!(next, Some(page.entries[wanted - 1].cursor()));
        }
    }
}
