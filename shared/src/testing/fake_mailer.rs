//! [`Mailer`] that keeps what it was given.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::mail::Mail;
use crate::ports::{Mailer, PortResult};

pub struct FakeMailer {
    gate: Arc<dyn Gate>,
    sent: Mutex<Vec<Mail>>,
}

impl FakeMailer {
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate, sent: Mutex::default() }
    }

    /// Every mail so far, the oldest first.
    pub fn sent(&self) -> Vec<Mail> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token in the newest mail to that address, if that mail has one.
    pub fn token(&self, email: &str) -> Option<String> {
        let mail = self.sent().into_iter().rev().find(|mail| mail.to.as_str() == email)?;
        let (_, rest) = mail.text.expose().split_once("token=")?;
        rest.split_whitespace().next().map(str::to_owned)
    }
}

#[async_trait]
impl Mailer for FakeMailer {
    async fn send(&self, mail: &Mail) -> PortResult<()> {
        let keep = || {
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
            Ok(())
        };
        around(&*self.gate, "mailer.send", keep).await
    }
}
