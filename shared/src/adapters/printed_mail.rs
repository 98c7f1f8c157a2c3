//! Mail on the local stack: it is printed, because nothing leaves the machine.

use async_trait::async_trait;

use crate::domain::mail::Mail;
use crate::ports::{Mailer, PortResult};

/// Prints every mail on standard output.
pub struct PrintedMail;

#[async_trait]
impl Mailer for PrintedMail {
    async fn send(&self, mail: &Mail) -> PortResult<()> {
        println!("\nMail to {}: {}\n\n{}", mail.to.as_str(), mail.subject, mail.text.expose());
        Ok(())
    }
}
