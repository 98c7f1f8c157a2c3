//! The publish queue's worker: a batch of messages in, the ones to be delivered again out.

mod batch;

pub use batch::handle;
