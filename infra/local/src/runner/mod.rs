//! Stands in for Lambda: polls the queues and runs the schedules, with the event JSON that Lambda sends.

mod poll;
mod schedule;

use std::time::Duration;

use pinbridge_shared::config::QueueUrls;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::time::{Moment, SECOND_MS};

pub use poll::{POLL_TIMEOUT, poll};
pub use schedule::{every_five_minutes, every_minute, invoke_dispatcher, invoke_refresher, recover};

/// The batch size and concurrency of the event source mappings and the timeouts of the functions, as in template.yaml.
pub const BATCH_SIZE: i32 = 10;
pub const MAXIMUM_CONCURRENCY: usize = 40;
/// The smallest concurrency that AWS accepts: both queues are usually empty.
pub const RECONCILERS: usize = 2;
pub const DEAD_LETTER_WORKERS: usize = 2;
pub const IMPORTERS: usize = 4;
pub const NOTIFIERS: usize = 10;
pub const PUBLISHER_TIMEOUT: Duration = Duration::from_secs(25);
pub const RECONCILER_TIMEOUT: Duration = Duration::from_secs(45);
pub const DEAD_LETTERS_TIMEOUT: Duration = Duration::from_secs(30);
pub const IMPORTER_TIMEOUT: Duration = Duration::from_secs(45);
pub const NOTIFIER_TIMEOUT: Duration = Duration::from_secs(45);
pub const DISPATCHER_TIMEOUT: Duration = Duration::from_secs(55);
pub const REFRESHER_TIMEOUT: Duration = Duration::from_secs(240);
pub const REFRESHER_EVERY: Duration = Duration::from_secs(5 * 60);
/// Pause after a failed call.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A function that a queue invokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Publisher,
    Reconciler,
    DeadLetters,
    Importer,
    Notifier,
}

impl Function {
    pub fn timeout(self) -> Duration {
        match self {
            Self::Publisher => PUBLISHER_TIMEOUT,
            Self::Reconciler => RECONCILER_TIMEOUT,
            Self::DeadLetters => DEAD_LETTERS_TIMEOUT,
            Self::Importer => IMPORTER_TIMEOUT,
            Self::Notifier => NOTIFIER_TIMEOUT,
        }
    }
}

/// An event source mapping.
#[derive(Clone, Debug)]
pub struct Source {
    pub queue_url: String,
    pub function: Function,
    pub concurrency: usize,
}

/// Every mapping of template.yaml.
pub fn sources(queues: &QueueUrls) -> Vec<Source> {
    let source =
        |queue_url: &String, function, concurrency| Source { queue_url: queue_url.clone(), function, concurrency };
    vec![
        source(&queues.publish, Function::Publisher, MAXIMUM_CONCURRENCY),
        source(&queues.reconciliation, Function::Reconciler, RECONCILERS),
        source(&queues.dead_letters, Function::DeadLetters, DEAD_LETTER_WORKERS),
        source(&queues.import, Function::Importer, IMPORTERS),
        source(&queues.import_dead_letters, Function::DeadLetters, DEAD_LETTER_WORKERS),
        source(&queues.notify, Function::Notifier, NOTIFIERS),
    ]
}

fn deadline(context: &Context, timeout: Duration) -> Moment {
    context.system.now().plus_ms(i64::try_from(timeout.as_millis()).unwrap_or(25 * SECOND_MS))
}
