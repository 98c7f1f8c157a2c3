//! Custody of tokens where two things meet or one fails: tokens without a row, removals that failed, connecting against
//! disconnecting, storing against the lease, workspaces too large for one run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::{Account, PUBLISHING_SCOPES};
use pinbridge_shared::domain::ids::{AccountKey, WorkspaceId};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS};
use pinbridge_shared::flows::accounts::connect::connect_account;
use pinbridge_shared::flows::accounts::disconnect::disconnect;
use pinbridge_shared::flows::accounts::forget_accounts::forget_accounts;
use pinbridge_shared::flows::accounts::refresh_due::refresh_due;
use pinbridge_shared::flows::accounts::refresh_tokens::{Why, renew};
use pinbridge_shared::flows::tenants::purge;
use pinbridge_shared::ports::{Custody, PortError, PortResult, Removal, Secrets, Stored, Tokens, Write};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::faults::DEATHS;
use pinbridge_shared::testing::manual_system::ManualSystem;

use super::connect::{USER, key, world};
use crate::support::sweep::{FAULTS, sweep};

const RUN_MS: i64 = 240_000;

fn workspace() -> WorkspaceId {
    testdata::workspace()
}

fn grant(world: &TestWorld) -> Tokens {
    world.oauth.grant(USER, &PUBLISHING_SCOPES.join(","))
}

async fn connected() -> TestWorld {
    let world = world().await;
    connect_account(&world.context, workspace(), &grant(&world)).await.expect("connected");
    world
}

async fn row(world: &TestWorld) -> Option<Account> {
    world.context.store.account(key()).await.expect("read")
}

fn has_tokens(world: &TestWorld) -> bool {
    world.secrets.look(key()).current.is_some()
}

/// All that is scheduled, once.
async fn run(world: &Context) {
    let ends_at_ms = world.system.monotonic_ms() + RUN_MS;
    refresh_due(world, ends_at_ms).await.expect("runs");
    purge::continue_all(world, ends_at_ms).await.expect("runs");
    forget_accounts(world, ends_at_ms).await.expect("runs");
}

#[tokio::test]
async fn a_connection_that_dies_anywhere_leaves_no_tokens_behind() {
    sweep(&DEATHS, 6, async |nth, fault| {
        let world = world().await;
        let tokens = grant(&world);
        world.faults.plan_any(nth, fault);
        let died = world.faults.mortal(connect_account(&world.context, workspace(), &tokens)).await.is_none();
        world.faults.heal();
        if !died {
            return false;
        }
        for _ in 0..6 {
            world.system.advance_ms(5 * MINUTE_MS);
            run(&world.context).await;
        }
        let is_connected = row(&world).await.is_some_and(|account| account.is_connected());
        assert_eq!(has_tokens(&world), is_connected, "{fault:?} at call {nth}");
        purge::delete_workspace(&world.context, workspace()).await.expect("marked");
        for _ in 0..10 {
            run(&world.context).await;
            world.system.advance_ms(5 * MINUTE_MS);
        }
        assert!(world.context.tenants.workspace(workspace()).await.expect("read").is_none());
        assert!(!has_tokens(&world), "{fault:?} at call {nth}: tokens outlived their workspace");
        true
    })
    .await;
}

#[tokio::test]
async fn a_disconnection_that_fails_anywhere_is_finished_by_the_refresher() {
    sweep(&FAULTS, 4, async |nth, fault| {
        let world = connected().await;
        world.faults.plan_any(nth, fault);
        let _ = world.faults.mortal(disconnect(&world.context, key())).await;
        if world.faults.heal() {
            return false;
        }
        if row(&world).await.is_some_and(|account| account.revoked_at.is_none()) {
            return true; // The account is as it was.
        }
        for _ in 0..3 {
            world.system.advance_ms(5 * MINUTE_MS);
            run(&world.context).await;
        }
        assert!(!has_tokens(&world), "{fault:?} at call {nth}");
        let account = row(&world).await.expect("there");
        assert_eq!(account.life.refresh_at, None, "{fault:?} at call {nth}: and nothing is left to do");
        // Connecting it again works, and nobody removes the new tokens.
        connect_account(&world.context, workspace(), &grant(&world)).await.expect("connected");
        for _ in 0..12 {
            world.system.advance_ms(5 * MINUTE_MS);
            run(&world.context).await;
        }
        assert!(has_tokens(&world) && row(&world).await.is_some_and(|account| account.is_connected()));
        true
    })
    .await;
}

/// Custody with something going on inside its calls.
struct During<F> {
    inner: Arc<dyn Secrets>,
    happens: F,
}

#[async_trait]
trait Happens: Send + Sync {
    async fn after_storing(&self, _: AccountKey) {}
    async fn instead_of_staging(&self, _: AccountKey) -> PortResult<()> {
        Ok(())
    }
    async fn before_removing(&self) {}
}

#[async_trait]
impl<F: Happens> Secrets for During<F> {
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>> {
        self.inner.tokens(account, fresh).await
    }

    async fn custody(&self, account: AccountKey) -> PortResult<Custody> {
        self.inner.custody(account).await
    }

    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()> {
        self.inner.store_tokens(account, version, tokens).await?;
        self.happens.after_storing(account).await;
        Ok(())
    }

    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()> {
        self.happens.instead_of_staging(account).await?;
        self.inner.stage_tokens(account, staged).await
    }

    async fn promote_tokens(&self, account: AccountKey, version: &str, follows: &str) -> PortResult<Write<()>> {
        self.inner.promote_tokens(account, version, follows).await
    }

    async fn remove_tokens(&self, account: AccountKey, removal: Removal) -> PortResult<()> {
        self.happens.before_removing().await;
        self.inner.remove_tokens(account, removal).await
    }
}

fn with<F: Happens + 'static>(world: &TestWorld, happens: F) -> Context {
    let secrets = Arc::new(During { inner: Arc::clone(&world.context.secrets), happens });
    Context { secrets, ..world.context.clone() }
}

/// Somebody disconnects as soon as tokens are stored, once.
struct Disconnected(Context, AtomicUsize);

#[async_trait]
impl Happens for Disconnected {
    async fn after_storing(&self, account: AccountKey) {
        if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
            disconnect(&self.0, account).await.expect("disconnected");
        }
    }
}

#[tokio::test]
async fn who_connects_while_somebody_disconnects_has_tokens_or_is_disconnected() {
    let world = connected().await;
    let racing = with(&world, Disconnected(world.context.clone(), AtomicUsize::new(0)));
    let again = grant(&world);
    connect_account(&racing, workspace(), &again).await.expect("connected");
    assert!(row(&world).await.expect("there").is_connected(), "connecting was the later wish");
    assert_eq!(world.secrets.look(key()).current.map(|stored| stored.tokens), Some(again));
}

/// Writes of custody fail for more than two minutes, and another refresher comes by.
struct Failing {
    system: Arc<ManualSystem>,
    other: Context,
    error: fn() -> PortError,
    calls: AtomicUsize,
}

#[async_trait]
impl Happens for Failing {
    async fn instead_of_staging(&self, account: AccountKey) -> PortResult<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if call < 27 {
            self.system.advance_ms(4_500);
            return Err((self.error)());
        }
        if call == 27 {
            let ends_at_ms = self.other.system.monotonic_ms() + RUN_MS;
            renew(&self.other, account, Why::Due, ends_at_ms).await.expect("answers");
        }
        Ok(())
    }
}

#[tokio::test]
async fn nobody_asks_again_while_issued_tokens_are_still_being_stored() {
    let passing = || PortError::Unavailable { port: "secrets", reason: "timed out".into() };
    // Denied for a while, or a failing key service: what was issued exists nowhere else, so this is no reason to give
    // up.
    let denied = || PortError::Broken { port: "secrets", reason: "AccessDeniedException".into() };
    for error in [passing as fn() -> PortError, denied] {
        let world = connected().await;
        world.system.advance_to(row(&world).await.expect("there").life.refresh_at.expect("due"));
        let (system, other) = (Arc::clone(&world.system), world.context.clone());
        let failing = with(&world, Failing { system, other, error, calls: AtomicUsize::new(0) });
        let ends_at_ms = world.context.system.monotonic_ms() + RUN_MS;
        renew(&failing, key(), Why::Due, ends_at_ms).await.expect("renewed in the end");
        assert_eq!(world.oauth.asked().len(), 1);
        let refresh = world.secrets.look(key()).current.expect("there").tokens.refresh.expect("there");
        assert!(world.oauth.honours(&refresh));
    }
}

/// Each removal takes its time.
struct Slow(Arc<ManualSystem>, Arc<AtomicUsize>);

#[async_trait]
impl Happens for Slow {
    async fn before_removing(&self) {
        self.0.advance_ms(40);
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_workspace_with_thousands_of_accounts_is_removed_run_by_run() {
    const ACCOUNTS: usize = 8_000;
    let world = world().await;
    for user in 0..ACCOUNTS {
        let tokens = world.oauth.grant(&format!("user-{user}"), &PUBLISHING_SCOPES.join(","));
        connect_account(&world.context, workspace(), &tokens).await.expect("connected");
    }
    purge::delete_workspace(&world.context, workspace()).await.expect("marked");
    let removals = Arc::new(AtomicUsize::new(0));
    let slow = with(&world, Slow(Arc::clone(&world.system), Arc::clone(&removals)));
    for _ in 0..10 {
        let began = world.now();
        run(&slow).await;
        assert!(world.now().since_ms(began) <= RUN_MS, "a run ends in time");
        world.system.advance_to(began.plus_ms(5 * MINUTE_MS));
    }
    assert!(world.context.tenants.workspace(workspace()).await.expect("read").is_none(), "gone within the hour");
    assert!(removals.load(Ordering::SeqCst) <= ACCOUNTS + 100, "each is removed once: {removals:?}");
    world.system.advance_ms(DAY_MS);
}
