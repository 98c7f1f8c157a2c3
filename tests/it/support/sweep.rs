//! A fault at every port call of a story, one run each.

use pinbridge_shared::testing::faults::Fault;

/// Deaths and errors, before and after the call takes effect.
pub const FAULTS: [Fault; 4] = [Fault::DieBefore, Fault::DieAfter, Fault::FailBefore, Fault::FailAfter];
/// The same, and a call that the SDK repeats.
pub const FAULTS_AND_REPEATS: [Fault; 5] =
    [Fault::DieBefore, Fault::DieAfter, Fault::FailBefore, Fault::FailAfter, Fault::Repeated];

/// More port calls than any story makes: one that goes on beyond them never ends.
const CALLS_MAX: usize = 2_000;

/// Runs `story` with each fault at its first port call, its second and so on, until the story ends without meeting the
/// fault.
///
/// The story plans the fault for its nth call and returns whether it met it. It must make more than `calls_min` calls;
/// otherwise the sweep missed what it is for.
pub async fn sweep(faults: &[Fault], calls_min: usize, story: impl AsyncFn(usize, Fault) -> bool) {
    for &fault in faults {
        let mut nth = 1;
        while story(nth, fault).await {
            nth += 1;
            assert!(nth < CALLS_MAX, "{fault:?}: the story ends");
        }
        assert!(nth > calls_min, "{fault:?}: the story makes more than {calls_min} calls: {nth}");
    }
}
