//! The page of limits and lives is what the code says.

use pinbridge_api::answer;
use pinbridge_api::limits as limits_of_callers;
use pinbridge_api::openapi::schema::{LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX};
use pinbridge_api::request::query::SEARCH_MAX;
use pinbridge_api::request::{self as bodies, json};
use pinbridge_api::routes;
use pinbridge_api::routes::export::PAGE_BYTES_MAX;
use pinbridge_api::routes::imports::{csv_rows, import_file};
use pinbridge_api::routes::pins::fields;
use pinbridge_shared::adapters::dynamodb::{DELETED_KEPT_MS, HEALTH_KEPT_MS, row_kinds};
use pinbridge_shared::adapters::envelope::OLD_KEYS_KEPT_MS;
use pinbridge_shared::adapters::receipt_keys;
use pinbridge_shared::adapters::secrets::RECOVERY_DAYS;
use pinbridge_shared::adapters::token_cache;
use pinbridge_shared::config::Settings;
use pinbridge_shared::domain::account::{analytics, board_check, board_list, credentials, oauth, return_to};
use pinbridge_shared::domain::credit;
use pinbridge_shared::domain::event::occurrence;
use pinbridge_shared::domain::pacing::{bucket, budget, pace};
use pinbridge_shared::domain::pin::{candidate, history, request, retry, said};
use pinbridge_shared::domain::reconcile::{board_scan, duplicate_check};
use pinbridge_shared::domain::stats::period;
use pinbridge_shared::domain::stats::rollup::{self as domain_rollup, recent};
use pinbridge_shared::domain::tenant::{self, api_key, claim, invitation, login, proof, session, user};
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::domain::webhook::slowness::{self, PAUSE_MAX, PAUSE_MIN};
use pinbridge_shared::domain::webhook::{endpoint, health, pace as webhook_pace};
use pinbridge_shared::domain::{import, recovery, sandbox, schedule, task};
use pinbridge_shared::flows::activity;
use pinbridge_shared::flows::boards::{mark_removed, resolve_boards};
use pinbridge_shared::flows::dead_letters::redrive;
use pinbridge_shared::flows::imports::{self, dry_run};
use pinbridge_shared::flows::pacing::{forecast, rate_meter};
use pinbridge_shared::flows::pins::{list_pins, resolve_pin, search};
use pinbridge_shared::flows::schedules::{list_schedules, open_schedules};
use pinbridge_shared::flows::stats::{dashboard, roll_up, unrolled};
use pinbridge_shared::flows::tenants::{export, purge};
use pinbridge_shared::flows::webhooks::{deliveries, replay};
use pinbridge_shared::ports::{MAX_DELAY_MS, SAVED_TOGETHER_MAX};

use crate::cost::{pin_lists, schedule_lists};

const PAGE: &str = include_str!("../../../infra/runbooks/limits.md");

/// As the page writes a length of time.
fn time(ms: i64) -> String {
    for (unit_ms, one, many) in
        [(DAY_MS, "day", "days"), (HOUR_MS, "hour", "hours"), (MINUTE_MS, "minute", "minutes"), (SECOND_MS, "s", "s")]
    {
        if ms >= unit_ms && ms % unit_ms == 0 {
            let count = ms / unit_ms;
            return format!("{count} {}", if count == 1 { one } else { many });
        }
    }
    format!("{ms} ms")
}

fn bytes(bytes: usize) -> String {
    const KB: usize = 1024;
    if bytes.is_multiple_of(KB * KB) { format!("{} MiB", bytes / (KB * KB)) } else { format!("{} KiB", bytes / KB) }
}

fn limits() -> Vec<(&'static str, String)> {
    let settings = Settings::default();
    vec![
        // Requests.
        ("a request's body", bytes(bodies::BODY_MAX)),
        ("a batch's body", bytes(bodies::BATCH_BODY_MAX)),
        ("pins of a batch", routes::pins::batch::BATCH_MAX.to_string()),
        ("pins of one bulk call", routes::bulk::BULK_MAX.to_string()),
        ("an import's body", bytes(import_file::IMPORT_BODY_MAX)),
        ("rows of an import", import::ROWS_MAX.to_string()),
        ("rows of an import that are worked on together", import::CHUNK_ROWS.to_string()),
        ("boards that a dry run checks", dry_run::BOARDS_CHECKED_MAX.to_string()),
        ("accounts that a forecast covers", forecast::FORECAST_ACCOUNTS_MAX.to_string()),
        ("the time that a pin's `publish_before` leaves to start, at least", time(request::START_NEEDS_MS)),
        ("a pin's title, characters", request::TITLE_MAX.to_string()),
        ("a pin's description, characters", request::DESCRIPTION_MAX.to_string()),
        ("a pin's alt text, characters", request::ALT_TEXT_MAX.to_string()),
        ("a URL, characters", request::URL_MAX.to_string()),
        ("an idempotency key, characters", request::IDEMPOTENCY_KEY_MAX.to_string()),
        ("related terms of a pin", fields::TERMS_MAX.to_string()),
        ("a related term, characters", fields::TERM_MAX.to_string()),
        ("a name of a workspace, organisation or key, characters", tenant::NAME_MAX.to_string()),
        ("a password, characters", format!("{} to {}", user::PASSWORD_MIN, user::PASSWORD_MAX)),
        ("an email address, characters", user::EMAIL_MAX.to_string()),
        ("keys of a workspace that aren't revoked", api_key::KEYS_MAX.to_string()),
        ("accounts on a key's allow-list", api_key::ALLOWED_MAX.to_string()),
        ("webhooks of a workspace", endpoint::ENDPOINTS_MAX.to_string()),
        ("a webhook's secret, characters", format!("{} to {}", endpoint::SECRET_MIN, endpoint::SECRET_MAX)),
        ("requests a second to a webhook, of one notifier", webhook_pace::REQUESTS_PER_SECOND_MAX.to_string()),
        ("a request to a webhook is slow after", time(slowness::SLOW_AFTER_MS)),
        (
            "pause of a webhook after a slow request",
            format!(
                "{PAUSE_MIN} to {PAUSE_MAX} times as long as the request, at most {}",
                time(slowness::COUNTED_MAX_MS * PAUSE_MAX as i64)
            ),
        ),
        ("deliveries that fail in a row until the others wait", health::PROBES_AFTER.to_string()),
        ("tasks of state machines that wait for one pin, or one import", task::TASKS_MAX.to_string()),
        ("a `task_token`, characters", task::TASK_TOKEN_MAX.to_string()),
        ("names in a webhook's list of events, repeated ones too", routes::webhooks::NAMES_MAX.to_string()),
        ("a webhook's previous secret is valid for", time(endpoint::ROTATION_MS)),
        ("the time of one replay at most", time(replay::RANGE_MAX_MS)),
        ("deliveries that one call of a replay reads", replay::DELIVERIES_PER_CALL.to_string()),
        ("pins that one call of a replay reads", replay::PINS_PER_CALL.to_string()),
        ("a replay finds events of pins that were accepted before it by at most", time(replay::ACCEPTED_BEFORE_MS)),
        ("an event without a delivery is missing after", time(replay::MISSING_AFTER_MS)),
        ("subscribers hear of a pause of an account from", time(occurrence::PAUSE_TOLD_MS)),
        (
            "subscribers hear so long before an access token expires that can't be renewed",
            time(occurrence::EXPIRY_TOLD_AHEAD_MS),
        ),
        ("simulated accounts of a sandbox", sandbox::ACCOUNTS_MAX.to_string()),
        ("boards that a simulated account adds", sandbox::OWN_BOARDS_MAX.to_string()),
        ("sections of all boards of a simulated account", sandbox::SECTIONS_MAX.to_string()),
        ("a row of an import, or a pin of a batch", bytes(import_file::ROW_BYTES_MAX)),
        ("values in such an item: objects, lists, texts, numbers", json::ITEM_VALUES_MAX.to_string()),
        ("values in the body of a batch", json::LIST_VALUES_MAX.to_string()),
        ("columns of a CSV file", csv_rows::COLUMNS_MAX.to_string()),
        // Callers.
        ("credits of a key or a person in a minute (`CallerCredits`)", credit::CALLER_CREDITS.to_string()),
        (
            "credits of a network in a minute, without valid credentials (`SourceCredits`)",
            credit::SOURCE_CREDITS.to_string(),
        ),
        ("credits that a call to Pinterest costs", credit::PINTEREST_CALL_CREDITS.to_string()),
        ("credits that any other call costs at least", limits_of_callers::CALL_CREDITS.to_string()),
        ("credits that a public call costs at least", limits_of_callers::PUBLIC_CREDITS.to_string()),
        ("credits that invalid credentials cost", limits_of_callers::INVALID_CREDENTIALS_CREDITS.to_string()),
        ("blocks in which an instance takes a minute's credit", credit::BLOCKS_PER_MINUTE.to_string()),
        ("callers that an instance remembers", credit::purse::PURSES_MAX.to_string()),
        // Lists.
        ("a page, unless asked otherwise", LIMIT_DEFAULT.to_string()),
        ("a page at most", LIMIT_MAX.to_string()),
        ("an offset at most", OFFSET_MAX.to_string()),
        ("newest imports that a list looks through", imports::IMPORTS_LISTED_MAX.to_string()),
        ("unfinished or stopped imports that a list reads", imports::UNFINISHED_LISTED_MAX.to_string()),
        ("pins of a list that are counted at least", list_pins::COUNTED.to_string()),
        ("pins that one call looks through for a text or another order", list_pins::WINDOW.to_string()),
        (
            "pins that may wait, or have failed, that one call reads for a state or a code",
            search::EXAMINED_MAX.to_string(),
        ),
        ("schedules that may not be over that one call reads", open_schedules::EXAMINED_MAX.to_string()),
        ("keys that one call looks through for accounts or a board", list_pins::KEYS_MAX.to_string()),
        ("a search, characters", SEARCH_MAX.to_string()),
        ("analytics reach back", time(analytics::DAYS_BACK * DAY_MS)),
        ("found by keys: no filter, times, failed ones, the order of acceptance", pin_lists::BY_KEYS_MAX.to_string()),
        ("the same at the furthest offset", pin_lists::DEEP_MAX.to_string()),
        ("found by account or board", pin_lists::TAGGED_MAX.to_string()),
        ("found by a state that waits", pin_lists::WAITING_MAX.to_string()),
        ("any other filter, text or order", pin_lists::WINDOW_MAX.to_string()),
        ("schedules: by time", schedule_lists::BY_TIME_MAX.to_string()),
        ("schedules: any filter, search or another order", schedule_lists::WINDOW_MAX.to_string()),
        ("entries of the activity log that one page looks through", activity::EXAMINED_MAX.to_string()),
        ("a page of deliveries at most", routes::webhooks::deliveries::DELIVERIES_LIMIT_MAX.to_string()),
        ("deliveries that one page looks through", deliveries::EXAMINED_MAX.to_string()),
        (
            "deliveries that are searched for an id: so many that wait, and so many others",
            deliveries::SEARCHED_MAX.to_string(),
        ),
        ("waiting pins that the rate meter counts", rate_meter::WAITING_COUNTED_MAX.to_string()),
        ("a list in an answer", bytes(answer::LIST_BYTES_MAX)),
        ("an export's page", bytes(PAGE_BYTES_MAX)),
        ("pins younger than this wait for the next export", time(export::LISTED_AFTER_MS)),
        (
            "events of a timeline that are kept",
            format!("the first {} and the last {}", history::KEEP_FIRST, history::KEEP_LAST),
        ),
        // The dashboard.
        ("a period, unless asked otherwise", time(period::DEFAULT_DAYS * DAY_MS)),
        ("a period at most", time(period::MAX_DAYS * DAY_MS)),
        ("a series by the hour covers at most", time(period::HOURLY_UP_TO_MS)),
        ("pins that a request reads one by one", dashboard::LIVE_MAX.to_string()),
        ("the same, if those in a backlog are counted there", dashboard::ONE_BY_ONE_MAX.to_string()),
        ("new pins that a request lists", dashboard::LISTED_MAX.to_string()),
        ("rows of backlogs that a request reads", unrolled::BACKLOG_ROWS_MAX.to_string()),
        ("pins of a row of recent outcomes", recent::SAMPLES_PER_ROW.to_string()),
        ("hours that a request reads sample by sample", dashboard::HOURS_BY_SAMPLE_MAX.to_string()),
        ("minutes that are rolled up at once", domain_rollup::MINUTES_AT_ONCE.to_string()),
        ("a run of the rollup takes at most", time(roll_up::RUN_MAX_MS)),
        // People.
        ("wrong passwords for an address from one network", login::FAILURES_MAX.to_string()),
        ("wrong passwords from one network, for any addresses", login::SOURCE_FAILURES_MAX.to_string()),
        (
            "wrong passwords for an address from all networks, before fresh ones are limited",
            login::ADDRESS_FAILURES_MAX.to_string(),
        ),
        (
            "after that: wrong passwords from a network that is new for the address",
            login::FRESH_FAILURES_MAX.to_string(),
        ),
        ("each of these limits lasts, from the first wrong password", time(login::WINDOW_MS)),
        ("a network is known after its person's last login for", time(login::KNOWN_SOURCE_MS)),
        ("a session's token", time(session::SESSION_S * SECOND_MS)),
        ("a session, whatever continues it", time(session::SESSION_MAX_S * SECOND_MS)),
        ("sessions that a person logs out one by one; one more ends all", user::ENDED_MAX.to_string()),
        ("an invitation is open for", time(invitation::INVITATION_MS)),
        ("an unproven registration", time(proof::CLAIM_MS)),
        ("a verification link", time(proof::LINK_MS)),
        ("mails to one address in a day", claim::MAILS_MAX.to_string()),
        ("time between two mails to one address, at least", time(claim::MAIL_EVERY_MS)),
        (
            "earlier creators that a key remembers (who created the key that created it, and so on)",
            api_key::ANCESTORS_MAX.to_string(),
        ),
        ("a key's last use is up to this late", time(api_key::USED_EVERY_MS)),
        ("a pending authorization", time(oauth::STATE_LIFE_MS)),
        ("a `return_to`, in characters", return_to::RETURN_TO_MAX.to_string()),
        ("a `client_state`, in characters", return_to::CLIENT_STATE_MAX.to_string()),
        // Publishing.
        ("a pin's life without a chance to be published", time(request::LIFETIME_MS)),
        ("attempts of a pin", retry::ATTEMPT_LIMIT.to_string()),
        ("attempts of a pin whose image Pinterest can't fetch", (retry::IMAGE_WAITS_MS.len() + 1).to_string()),
        ("from the first of them to the last, at most", time(retry::IMAGE_WAITS_MS.iter().sum())),
        ("a pause after a 429 without a hint", time(retry::RATE_LIMIT_PAUSE_MS)),
        ("attempts of a pin for which Pinterest's words are kept", said::ATTEMPTS_MAX.to_string()),
        ("Pins that are kept as candidates of an ambiguous outcome", candidate::CANDIDATES_MAX.to_string()),
        ("the furthest slot that waits in the queue", time(bucket::ACCEPT_HORIZON_MS)),
        ("the dispatcher's window", time(bucket::DISPATCH_HORIZON_MS)),
        ("a message's delay, at most", time(MAX_DELAY_MS)),
        ("the quiesce period after a lost answer (`QuiesceMs`)", time(settings.deadlines.quiesce_ms)),
        (
            "creates of an account at once, unless set otherwise (`AccountCapacity`)",
            settings.pace.capacity().to_string(),
        ),
        (
            "writes that callers make themselves and that an account has at once, whatever waits",
            pace::RESERVED_WRITES.to_string(),
        ),
        (
            "intervals of the account (`AccountRatePerSecond`) until such a write is possible again",
            pace::RESERVED_EVERY.to_string(),
        ),
        ("a pause after a spam block", time(retry::SPAM_PAUSE_MS)),
        ("an account on hold is tried every", time(retry::HOLD_PAUSE_MS)),
        ("pages of a board in one reading", board_scan::PAGES_MAX.to_string()),
        ("pages of a board that are read for a Pin that a person names", resolve_pin::PAGES_MAX.to_string()),
        ("unresolved outcomes of a board that are resolved together", board_scan::MEMBERS_MAX.to_string()),
        ("pins that are written together", SAVED_TOGETHER_MAX.to_string()),
        ("the duplicate check comes after", time(duplicate_check::DUPLICATE_CHECK_AFTER_MS)),
        ("the highest daily budget", budget::DAILY_BUDGET_MOST.to_string()),
        ("messages of one redrive", redrive::MESSAGES_MAX.to_string()),
        ("a schedule is at most this far ahead", time(schedule::AHEAD_MAX_MS)),
        (
            "a schedule is handed over (its time and priority not editable any more) this long before its time",
            time(schedule::RELEASE_AHEAD_MS),
        ),
        ("schedules of one bulk call", routes::bulk::BULK_MAX.to_string()),
        ("schedules that are counted exactly", list_schedules::COUNT_MAX.to_string()),
        (
            "schedules that one page looks through for a filter, a search or another order",
            list_schedules::WINDOW.to_string(),
        ),
        // Tokens.
        ("tokens and data keys stay in memory for", time(token_cache::CACHED_MS)),
        ("both tokens count as refused if they are refused again after", time(credentials::CONFIRM_AFTER_MS)),
        ("a refused access token forces a refresh again after", time(credentials::FORCED_AGAIN_AFTER_MS)),
        (
            "a pin whose token was refused, and can't be renewed, is sent once more after",
            time(credentials::STRAY_REFUSAL_RETRY_MS),
        ),
        ("a disconnected account's secret can be restored for", time(RECOVERY_DAYS * DAY_MS)),
        ("an old data key stays at least", time(OLD_KEYS_KEPT_MS)),
        ("the key that signs receipts stays in memory for", time(receipt_keys::SIGNS_FOR_MS)),
        ("the published keys of receipts stay in memory for", time(receipt_keys::PUBLISHED_FOR_MS)),
        ("a board's check is answered again for", time(board_check::CHECK_FRESH_MS)),
        ("a refusal of a board is answered again for", time(board_check::DENIED_FRESH_MS)),
        ("the list of an account's boards is believed for", time(board_list::TRUSTED_MS)),
        ("it is read for an unknown id at most every", time(board_list::LISTED_EVERY_MS)),
        ("and for an unknown name at most every", time(board_list::LISTED_FOR_NAMES_EVERY_MS)),
        ("boards of one request that are read one by one", resolve_boards::ASKED_ONE_BY_ONE_MAX.to_string()),
        ("boards that a refusal names", board_list::FITS_MAX.to_string()),
        // Deleting.
        ("pins of a deleted board that are marked at once", mark_removed::AT_ONCE.marked.to_string()),
        ("and by each run of the rescuer", mark_removed::PER_RUN.marked.to_string()),
        ("a deleted workspace's pins stay for requests that came before", time(purge::QUIESCE_MS)),
        ("the tombstone of a removed pin stays", time(purge::LINGER_MS)),
        ("a disconnected account's name stays (`DisconnectedDays`)", time(settings.disconnected_kept_ms)),
        ("a revoked key stays listed (`RevokedKeysDays`)", time(settings.revoked_keys_kept_ms)),
        ("the activity log remembers (`ActivityDays`)", time(settings.activity_kept_ms)),
        ("a finished pin stays beyond its life (`RetentionDays`)", time(settings.retention_ms)),
    ]
}

#[test]
fn every_limit_on_the_page_is_the_codes() {
    let limits = limits();
    for (what, value) in &limits {
        let row = format!("| {what} | {value} |");
        assert!(PAGE.contains(&row), "infra/runbooks/limits.md lacks:\n{row}");
    }
    let lives = row_kinds::ALL.iter().map(|kind| format!("| {} | {} |", kind.name, kind.life));
    let lives: Vec<String> = lives.collect();
    for row in &lives {
        assert!(PAGE.contains(row), "infra/runbooks/limits.md lacks:\n{row}");
    }
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).count();
    assert_eq!(rows, limits.len() + lives.len(), "the page has rows that nobody checks");
}

#[test]
fn the_lives_name_the_constants_that_rule_them() {
    let life = |name: &str| row_kinds::ALL.iter().find(|kind| kind.name == name).expect("a kind").life;
    let settings = Settings::default();
    for (name, part) in [
        ("API key", time(settings.revoked_keys_kept_ms)),
        ("account", time(settings.disconnected_kept_ms)),
        ("pending authorization", time(oauth::STATE_LIFE_MS)),
        ("pin", time(request::LIFETIME_MS)),
        ("schedule", time(request::LIFETIME_MS)),
        ("release row", time(schedule::RELEASE_ROW_KEPT_MS)),
        ("pin", (settings.retention_ms / DAY_MS).to_string()),
        ("board check", time(board_check::CHECK_KEPT_MS)),
        ("task token", time(task::TOKEN_KEPT_MS)),
        ("board list", time(board_list::KEPT_MS)),
        ("claim to list the boards", time(board_list::KEPT_MS)),
        ("recovery marker", time(recovery::KEPT_MS)),
        ("rollup: an hour's sums and first samples; its other samples", time(domain_rollup::SUMS_KEPT_MS)),
        ("rollup: an hour's sums and first samples; its other samples", time(domain_rollup::SAMPLES_KEPT_MS)),
        ("tombstone of a purged pin", time(purge::LINGER_MS)),
        ("the app's requests of a day", time(budget::DAY_KEPT_MS)),
        ("a source that they logged in from", time(login::KNOWN_SOURCE_MS)),
        ("a person", time(proof::CLAIM_MS)),
        ("the newest claim of an address", time(proof::CLAIM_MS)),
        ("invitation", time(invitation::INVITATION_MS)),
        ("wrong passwords from a source", time(login::WINDOW_MS)),
        ("wrong passwords for an address", time(login::WINDOW_MS)),
        ("webhook endpoint, or the mark of a deleted one", time(DELETED_KEPT_MS)),
        ("health of a webhook endpoint", time(HEALTH_KEPT_MS)),
    ] {
        assert!(life(name).contains(&part), "{name}: {} doesn't say {part}", life(name));
    }
}
