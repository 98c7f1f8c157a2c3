//! The table's keys. Every partition starts with the workspace, with these exceptions: recovery markers and the release
//! rows of schedules, which are filed by time; the app's daily budget; the pacing rows of Pinterest users, whom several
//! workspaces may have connected; and what stands above workspaces: organisations and people, who log in by an address
//! before any workspace is known, their addresses and invitations, the counts of their wrong passwords, and the credit
//! of callers.
//!
//! | row | pk | sk |
//! |---|---|---|
//! | workspace | `{ws}#workspace` | `state` |
//! | purge mark | `{ws}#workspace` | `purge` |
//! | API key | `{ws}#keys` | the key's public id |
//! | pending authorization | `{ws}#oauth` | SHA-256 of the state |
//! | account | `{ws}#accounts` | `{account}` |
//! | bucket | `{ws}#account#{account}` | `bucket` |
//! | pacing row of a Pinterest user | `pace#{pacer}` | `pace` |
//! | simulated account | `{ws}#account#{account}` | `simulated` |
//! | board list | `{ws}#account#{account}` | `boards` |
//! | claim to list the boards | `{ws}#account#{account}` | `boards-claim` |
//! | sealed tokens (envelope mode) | `{ws}#account#{account}` | `tokens` |
//! | pin | `{ws}#pin#{pin}` | `request` |
//! | tombstone of a purged pin | `{ws}#pin#{pin}` | `grave` |
//! | attempt | `{ws}#pin#{pin}` | `attempt` |
//! | words about an attempt | `{ws}#pin#{pin}` | `attempt#{attempt}` |
//! | schedule | `{ws}#schedule#{schedule}` | `schedule` |
//! | sibling | `{ws}#sibling#{account}#{content hash}` | `{pin}` |
//! | backlog | `{ws}#backlog#{account}` | `{priority}#{created}#{pin}#{generation}` |
//! | unresolved outcome | `{ws}#doubts#{account}#{board}` | `{pin}` |
//! | board scan | `{ws}#scan#{account}#{board}` | `scan` |
//! | board check | `{ws}#checks#{account}` | `{board}` |
//! | import | `{ws}#import#{import}` | `state` |
//! | an import's rows and results | `{ws}#import#{import}` | `chunk#{submission}#{n}`, `result#{n}` |
//! | webhook endpoint, or the mark of a deleted one | `{ws}#hooks` | `{endpoint}`, `gone#{endpoint}` |
//! | health of a webhook endpoint | `{ws}#hook#{endpoint}` | `health` |
//! | newest replay of a webhook | `{ws}#hook#{endpoint}` | `replay` |
//! | webhook delivery | `{ws}#hook#{endpoint}` | `open#{at}#{delivery}` while it waits, then `log#{at}#{delivery}` |
//! | task token | `{ws}#tasks` | `{pin or import}#{beginning of the token's hash}` |
//! | activity | `{ws}#activity` | `{at}#{id}` |
//! | recovery marker | `clock#{minute}#{shard}` | `{id}` |
//! | release row | `due#{minute}#{shard}` | `{not_before}#{ws}#{schedule}#{moves}` |
//! | watermark, lease | `clock#watermark`, `clock#due`, `clock#folded` (of the rollup), `clock#lease` | same |
//! | rollup: an hour's sums and first samples; its other samples | `{ws}#tally` | `hour#{hour}`;
//! `sheet#{hour}#{number}` |
//! | samples of pins that ended a moment ago | `{ws}#recent` | `{at}#{id}` |
//! | the app's requests of a day | `budget` | `{days since the epoch}` |
//! | organisation | `org#{org}` | `organization` |
//! | its workspaces, its people: pointers | `org#{org}` | `workspace#{ws}`, `user#{user}` |
//! | a person | `user#{user}` | `user` |
//! | whose an address is | `address#{address}` | `address` |
//! | the newest claim of an address | `address#{address}` | `claim` |
//! | invitation | `invitations` | `{invitation}` |
//! | a source that they logged in from | `user#{user}` | `source#{source}` |
//! | wrong passwords from a source | `login#{source}` | `source` |
//! | wrong passwords for an address | `login#{bucket}` | `address` |
//! | credit of a caller | `credit#{kind}#{caller}` | `credit` |
//!
//! Index `listing` (`lpk` = `{ws}#list#{shard}`, of deleted pins `{ws}#gone#{shard}`; `lsk` = `{created}#{pin}#{tags}`)
//! holds every pin once, and failed pins a second time by their attempt rows (`lpk` = `{ws}#failed#{shard}`, the same
//! `lsk`); [`Tags`] name the account and the board. It also holds every import (`lpk` = `{ws}#imports`, `lsk` =
//! `{created}#{import}`) and every schedule (`lpk` = `{ws}#schedules#{shard}`, of removed ones
//! `{ws}#gone-schedules#{shard}`; `lsk` = `{run}#{schedule}`).
//!
//! Index `waiting` holds what waits for a scheduled function: accounts with a backlog (`wpk` = `waiting#{shard}`, `wsk`
//! = `{ws}#{account}`), accounts with tokens to refresh (`wpk` = `refresh#{shard}`, `wsk` = `{due}#{ws}#{account}`),
//! disconnected accounts (`wpk` = `forget#{shard}`, `wsk` = `{when}#{ws}#{account}`), and workspaces to purge (`wpk` =
//! `purge`, `wsk` = `{ws}`).
//!
//! A function or constant is named after its row. `…_sort` is a sort key, also of an index; `…_shard` is the part of a
//! partition that something belongs to; `parse_…` reads a key back, `None` if it is of another kind. Of the others,
//! functions are partition keys and constants sort keys (those of one single row are both).

use uuid::Uuid;

use crate::domain::credit::Holder;
use crate::domain::ids::{
    AccountKey, BoardKey, EndpointId, ImportId, OrganizationId, PinId, PinKey, ScheduleId, ScheduleKey, UserId,
    WorkspaceId,
};
use crate::domain::import::ImportKey;
use crate::domain::pacing::pacer::Pacer;
use crate::domain::pin::Pin;
use crate::domain::pin::listing::{Entry, Partition, Position, Tags};
use crate::domain::pin::said::Part;
use crate::domain::schedule::ReleaseRow;
use crate::domain::task::{Awaited, TaskTokenId};
use crate::domain::tenant::login::Bucket;
use crate::domain::tenant::user::Email;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{DeliveryId, DeliveryKey};
use crate::domain::webhook::endpoint::EndpointKey;

pub const REQUEST: &str = "request";
pub const ATTEMPT: &str = "attempt";
/// The beginning of the sort keys of the words about attempts.
pub const SAID_PREFIX: &str = "attempt#";
pub const TOMBSTONE: &str = "grave";
pub const SCHEDULE: &str = "schedule";
pub const BUCKET: &str = "bucket";
/// What the accounts of a Pinterest user share of their buckets.
pub const PACE: &str = "pace";
pub const TOKENS: &str = "tokens";
/// The state that Pinterest would keep of a sandbox's account.
pub const SIMULATED: &str = "simulated";
/// The account's boards as last listed.
pub const BOARDS: &str = "boards";
/// The claim of the process that is listing the account's boards.
pub const BOARD_LISTING: &str = "boards-claim";
pub const SCAN: &str = "scan";
/// The end of the partition key of a workspace's accounts.
pub const ACCOUNTS_SUFFIX: &str = "#accounts";
pub const WORKSPACE: &str = "state";
pub const ORGANIZATION: &str = "organization";
pub const USER: &str = "user";
/// The person who owns an email address.
pub const ADDRESS: &str = "address";
/// The newest unproven registration of an address.
pub const CLAIM: &str = "claim";
pub const LOGIN_SOURCE: &str = "source";
pub const LOGIN_ADDRESS: &str = "address";
pub const CREDIT: &str = "credit";
/// When the workspace was first seen to be marked for a purge.
pub const MARK: &str = "purge";
pub const LISTING_INDEX: &str = "listing";
pub const WAITING_INDEX: &str = "waiting";
/// One index partition takes 1,000 write units a second; a workspace gets this many.
pub const LISTING_SHARDS: u32 = 4;
/// The same for the index `waiting`.
pub const WAITING_SHARDS: u32 = 4;

pub fn workspace(id: WorkspaceId) -> String {
    format!("{id}#workspace")
}

pub fn api_keys(id: WorkspaceId) -> String {
    format!("{id}#keys")
}

pub fn oauth_states(id: WorkspaceId) -> String {
    format!("{id}#oauth")
}

pub fn activity(id: WorkspaceId) -> String {
    format!("{id}#activity")
}

pub fn activity_sort(at: Moment, id: Uuid) -> String {
    format!("{:013}#{id}", at.0)
}

/// Sorts before every entry of that moment.
pub fn activity_sort_begin(at: Moment) -> String {
    format!("{:013}#", at.0)
}

pub fn organization(id: OrganizationId) -> String {
    format!("org#{id}")
}

/// The prefix of every pointer of an organisation to one of its workspaces.
pub const WORKSPACE_POINTER: &str = "workspace#";
/// The prefix of every pointer of an organisation to one of its people.
pub const USER_POINTER: &str = "user#";

/// `kind` and `caller`: [`Holder::name`].
pub fn credit(holder: &Holder) -> String {
    format!("credit#{}", holder.name())
}

pub fn user(id: UserId) -> String {
    format!("user#{id}")
}

/// An address contains no blanks, but it may contain `#`: the text after the first one is all of it.
pub fn address(email: &Email) -> String {
    format!("address#{}", email.as_str())
}

/// One partition: an operator makes them one by one, and they live for days.
pub const INVITATIONS: &str = "invitations";

/// The sort key of a source that a person logged in from, by its digest.
pub fn known_source(digest: &str) -> String {
    ["source#", digest].concat()
}

pub fn login_source(digest: &str) -> String {
    format!("login#{digest}")
}

pub fn login_address(bucket: Bucket) -> String {
    format!("login#{:05}", bucket.0)
}

pub fn accounts(id: WorkspaceId) -> String {
    format!("{id}{ACCOUNTS_SUFFIX}")
}

pub fn parse_listed_account(pk: &str, sk: &str) -> Option<AccountKey> {
    Some(AccountKey { workspace: pk.strip_suffix(ACCOUNTS_SUFFIX)?.parse().ok()?, account: sk.parse().ok()? })
}

pub fn account(key: AccountKey) -> String {
    format!("{}#account#{}", key.workspace, key.account)
}

/// A Pinterest user's, whatever workspaces are connected to them.
pub fn pacer(pacer: &Pacer) -> String {
    format!("pace#{}", pacer.name())
}

pub fn parse_account(pk: &str) -> Option<AccountKey> {
    let (workspace, account) = pk.split_once("#account#")?;
    Some(AccountKey { workspace: workspace.parse().ok()?, account: account.parse().ok()? })
}

pub fn pin(key: PinKey) -> String {
    format!("{}#pin#{}", key.workspace, key.pin)
}

/// The sort key of the words about an attempt's call, about a reading of its board, or of the Pins that could be its.
/// They sort by attempt.
pub fn said(attempt: u32, part: Part) -> String {
    let part = match part {
        Part::Call => "",
        Part::Reading => "#look",
        Part::Candidates => "#pins",
    };
    format!("{SAID_PREFIX}{attempt:03}{part}")
}

pub fn schedule(key: ScheduleKey) -> String {
    format!("{}#schedule#{}", key.workspace, key.schedule)
}

/// The index partition of schedules.
pub fn schedules(workspace: WorkspaceId, shard: u32) -> String {
    format!("{workspace}#schedules#{shard}")
}

/// The index partition of removed schedules: only a purge reads it.
pub fn removed_schedules(workspace: WorkspaceId, shard: u32) -> String {
    format!("{workspace}#gone-schedules#{shard}")
}

pub fn schedules_shard(schedule: ScheduleId) -> u32 {
    shard_of(schedule.0.as_u128(), LISTING_SHARDS)
}

pub fn schedules_sort(run_at: Moment, schedule: ScheduleId) -> String {
    format!("{:013}#{schedule}", run_at.0)
}

/// Sorts before every schedule that runs at that moment or later. Moments that no row can have are clamped.
pub fn schedules_sort_start(at: Moment) -> String {
    format!("{:013}", at.0.clamp(0, 9_999_999_999_999))
}

pub fn parse_schedules_sort(text: &str) -> Option<(Moment, ScheduleId)> {
    let (run_at, schedule) = text.split_once('#')?;
    Some((Moment(run_at.parse().ok()?), schedule.parse().ok()?))
}

/// Filed by time, so it belongs to no workspace.
pub fn release(minute: i64, shard: u32) -> String {
    format!("due#{minute}#{shard}")
}

pub fn release_sort(row: &ReleaseRow) -> String {
    format!("{:013}#{}#{}#{}", row.not_before.0, row.key.workspace, row.key.schedule, row.moves)
}

pub fn parse_release_sort(text: &str) -> Option<ReleaseRow> {
    let mut parts = text.split('#');
    let (not_before, workspace, schedule) = (parts.next()?, parts.next()?, parts.next()?);
    let key = ScheduleKey { workspace: workspace.parse().ok()?, schedule: schedule.parse().ok()? };
    Some(ReleaseRow { not_before: Moment(not_before.parse().ok()?), key, moves: parts.next()?.parse().ok()? })
}

pub fn sibling(key: AccountKey, content_hash: &str) -> String {
    format!("{}#sibling#{}#{content_hash}", key.workspace, key.account)
}

pub fn backlog(key: AccountKey) -> String {
    format!("{}#backlog#{}", key.workspace, key.account)
}

pub fn unresolved(board: &BoardKey) -> String {
    format!("{}#doubts#{}#{}", board.account.workspace, board.account.account, board.board_id)
}

pub fn board_scan(board: &BoardKey) -> String {
    format!("{}#scan#{}#{}", board.account.workspace, board.account.account, board.board_id)
}

pub fn board_checks(key: AccountKey) -> String {
    format!("{}#checks#{}", key.workspace, key.account)
}

/// Sorts after the import's other rows, so that it is deleted last.
pub const IMPORT: &str = "state";
/// The prefix of every result of an import.
pub const IMPORT_RESULT: &str = "result#";

pub fn import(key: ImportKey) -> String {
    format!("{}#import#{}", key.workspace, key.import)
}

/// The prefix of every chunk of one submission.
pub fn import_chunks(nonce: &str) -> String {
    ["chunk#", nonce, "#"].concat()
}

pub fn import_chunk(nonce: &str, chunk: u32) -> String {
    [import_chunks(nonce), number_sort(chunk)].concat()
}

pub fn import_result(chunk: u32) -> String {
    [IMPORT_RESULT, &number_sort(chunk)].concat()
}

/// Digits that sort like the number.
fn number_sort(number: u32) -> String {
    let digits = number.to_string();
    ["0".repeat(10 - digits.len()), digits].concat()
}

pub fn imports(id: WorkspaceId) -> String {
    format!("{id}#imports")
}

pub fn imports_sort(created_at: Moment, import: ImportId) -> String {
    format!("{:013}#{import}", created_at.0)
}

/// The end of the partition key of a workspace's webhook endpoints.
pub const ENDPOINTS_SUFFIX: &str = "#hooks";
/// Sorts after the id of every endpoint, and before the mark of every deleted one.
pub const ENDPOINTS_END: &str = "g";

pub fn endpoints(id: WorkspaceId) -> String {
    format!("{id}{ENDPOINTS_SUFFIX}")
}

/// The sort key of the mark that an endpoint was deleted: by it a purge finds the endpoint's deliveries.
pub fn deleted_endpoint(id: EndpointId) -> String {
    ["gone#", &id.to_string()].concat()
}

/// The endpoint of a row of [`endpoints`], and whether the row is the mark of a deleted one.
pub fn parse_endpoint(pk: &str, sk: &str) -> Option<(EndpointKey, bool)> {
    let (id, is_deleted) = sk.strip_prefix("gone#").map_or((sk, false), |id| (id, true));
    let workspace = pk.strip_suffix(ENDPOINTS_SUFFIX)?.parse().ok()?;
    Some((EndpointKey { workspace, endpoint: id.parse().ok()? }, is_deleted))
}

/// The end of the partition key of a workspace's task tokens.
pub const TASK_TOKENS_SUFFIX: &str = "#tasks";

pub fn task_tokens(id: WorkspaceId) -> String {
    format!("{id}{TASK_TOKENS_SUFFIX}")
}

pub fn task_token_sort(awaited: Awaited, id: &TaskTokenId) -> String {
    [task_token_prefix(awaited).as_str(), id.0.as_str()].concat()
}

/// The beginning of the sort keys of the task tokens of a pin or an import.
pub fn task_token_prefix(awaited: Awaited) -> String {
    format!("{}#", awaited.id())
}

/// An endpoint's health, its replay and its deliveries.
pub fn deliveries(key: EndpointKey) -> String {
    format!("{}#hook#{}", key.workspace, key.endpoint)
}

pub const ENDPOINT_HEALTH: &str = "health";
pub const REPLAY: &str = "replay";
/// The beginning of the sort keys of deliveries that wait, and of those that ended.
pub const WAITING_DELIVERY: &str = "open#";
pub const ENDED_DELIVERY: &str = "log#";
/// Sort after all of them.
pub const WAITING_DELIVERIES_END: &str = "open$";
pub const ENDED_DELIVERIES_END: &str = "log$";

/// `prefix`: [`WAITING_DELIVERY`] or [`ENDED_DELIVERY`].
pub fn delivery_sort(prefix: &str, key: DeliveryKey) -> String {
    format!("{prefix}{:013}#{}", key.event_at.0, key.id.0)
}

/// Sorts after the delivery, and before every later one.
pub fn delivery_sort_end(prefix: &str, key: DeliveryKey) -> String {
    format!("{}$", delivery_sort(prefix, key))
}

pub fn parse_delivery_sort(prefix: &str, text: &str) -> Option<(Moment, DeliveryId)> {
    let (event_at, id) = text.strip_prefix(prefix)?.split_once('#')?;
    Some((Moment(event_at.parse().ok()?), DeliveryId(id.parse().ok()?)))
}

pub fn markers(minute: i64, shard: u32) -> String {
    format!("clock#{minute}#{shard}")
}

pub const WATERMARK: &str = "clock#watermark";
/// The minute up to which the rollups are complete.
pub const ROLLED_UP: &str = "clock#folded";
pub const LEASE: &str = "clock#lease";
pub const RELEASE_WATERMARK: &str = "clock#due";
pub fn rollups(id: WorkspaceId) -> String {
    format!("{id}#tally")
}

/// Page 0, which has the hour's sums, sorts apart from the others: a range of hours is read without them.
pub fn rollup_page(hour: i64, number: u32) -> String {
    match number {
        0 => format!("hour#{hour:08}"),
        _ => format!("sheet#{hour:08}#{number:010}"),
    }
}

pub fn recent_samples(id: WorkspaceId) -> String {
    format!("{id}#recent")
}

pub fn recent_samples_sort(at: Moment, id: &str) -> String {
    format!("{:013}#{id}", at.0.max(0))
}

pub fn parse_rollup_page(text: &str) -> Option<(i64, u32)> {
    let mut parts = text.split('#');
    let (kind, hour) = (parts.next()?, parts.next()?.parse().ok()?);
    let number = if kind == "hour" { 0 } else { parts.next()?.parse().ok()? };
    Some((hour, number))
}

/// The whole app's, so it belongs to no workspace.
pub const DAILY_BUDGET: &str = "budget";

pub fn day(day: i64) -> String {
    format!("{day:06}")
}

pub fn listing(workspace: WorkspaceId, shard: u32) -> String {
    format!("{workspace}#list#{shard}")
}

/// The index partition of deleted pins, which lists don't read: the dashboard counts them, and a purge removes them.
pub fn hidden_listing(workspace: WorkspaceId, shard: u32) -> String {
    format!("{workspace}#gone#{shard}")
}

pub fn listing_shard(pin: PinId) -> u32 {
    shard_of(pin.0.as_u128(), LISTING_SHARDS)
}

/// The index partition of failed pins.
pub fn failed(workspace: WorkspaceId, shard: u32) -> String {
    format!("{workspace}#failed#{shard}")
}

pub fn partition(workspace: WorkspaceId, partition: Partition, shard: u32) -> String {
    match partition {
        Partition::Every => listing(workspace, shard),
        Partition::Failed => failed(workspace, shard),
    }
}

/// The pin's sort key in the listing.
pub fn listing_sort(pin: &Pin) -> String {
    format!("{}#{}", position(pin.created_at, pin.key.pin), Tags::of(&pin.request))
}

/// Sorts before the keys of that position.
pub fn position(at: Moment, pin: PinId) -> String {
    format!("{:013}#{pin}", at.0)
}

/// Sorts after the keys of that position.
pub fn position_end(at: Moment, pin: PinId) -> String {
    format!("{}$", position(at, pin))
}

/// Sorts before every pin that was created at that moment or later.
pub fn listing_sort_begin(since: Moment) -> String {
    format!("{:013}", since.0)
}

/// Sorts after every pin that was created at that moment or before.
pub fn listing_sort_end(by: Moment) -> String {
    format!("{:013}$", by.0)
}

/// The position of any key of the listing, of a pin or of a tombstone.
pub fn parse_position(text: &str) -> Option<Position> {
    let mut parts = text.split('#');
    Some(Position { at: Moment(parts.next()?.parse().ok()?), pin: parts.next()?.parse().ok()? })
}

pub fn parse_entry(text: &str) -> Option<Entry> {
    let tags = text.rsplit_once('#')?.1.parse().ok()?;
    Some(Entry { position: parse_position(text)?, tags })
}

pub fn waiting(shard: u32) -> String {
    format!("waiting#{shard}")
}

/// The index partition of accounts whose tokens are to be refreshed.
pub fn refresh(shard: u32) -> String {
    format!("refresh#{shard}")
}

/// The index partition of disconnected accounts.
pub fn forget(shard: u32) -> String {
    format!("forget#{shard}")
}

/// The index partition of workspaces to purge.
pub const PURGE: &str = "purge";

pub fn refresh_sort(refresh_at: Moment, key: AccountKey) -> String {
    format!("{:013}#{}#{}", refresh_at.0, key.workspace, key.account)
}

/// Sorts after every row that is due at that moment or before.
pub fn refresh_sort_end(by: Moment) -> String {
    format!("{:013}$", by.0)
}

pub fn parse_refresh_sort(text: &str) -> Option<(Moment, AccountKey)> {
    let (refresh_at, key) = text.split_once('#')?;
    Some((Moment(refresh_at.parse().ok()?), parse_waiting_sort(key)?))
}

pub fn waiting_shard(key: AccountKey) -> u32 {
    shard_of(key.account.0.as_u128(), WAITING_SHARDS)
}

pub fn waiting_sort(key: AccountKey) -> String {
    format!("{}#{}", key.workspace, key.account)
}

pub fn parse_waiting_sort(text: &str) -> Option<AccountKey> {
    let (workspace, account) = text.split_once('#')?;
    Some(AccountKey { workspace: workspace.parse().ok()?, account: account.parse().ok()? })
}

fn shard_of(value: u128, shards: u32) -> u32 {
    // The low bits of both UUID versions in use are evenly spread.
    (value % u128::from(shards)) as u32
}
