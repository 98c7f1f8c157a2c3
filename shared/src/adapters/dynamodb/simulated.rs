//! The state that Pinterest would keep of a sandbox's accounts.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::item::{Builder, Item, Reader, unreadable};
use super::{DynamoStore, keys};
use crate::domain::ids::AccountKey;
use crate::domain::pin::failure::Failure;
use crate::domain::sandbox::{OwnBoard, SimulatedAccount};
use crate::ports::{PortError, PortResult, SimulatedAccounts, Write};

/// The account's boards and sections, as one text: a few kilobytes at most.
#[derive(Serialize, Deserialize)]
struct Has {
    boards: Vec<OwnBoard>,
    sections: Vec<(String, String, String)>,
}

fn item(account: &SimulatedAccount) -> PortResult<Item> {
    let broken = |error: serde_json::Error| PortError::Broken { port: super::PORT, reason: error.to_string() };
    let has = Has { boards: account.boards.clone(), sections: account.sections.clone() };
    Ok(Builder::keyed(keys::account(account.key), keys::SIMULATED)
        .number("grant", account.grant)
        .number("serial", account.serial)
        .number("gone", u8::from(account.is_disconnected))
        .maybe_text("refuses", account.refuses.map(Failure::code))
        .text("has", serde_json::to_string(&has).map_err(broken)?)
        .number("ids", account.ids)
        .number("rev", account.rev)
        .text("n", &account.nonce)
        .build())
}

fn read(key: AccountKey, item: &Item) -> PortResult<SimulatedAccount> {
    let row = Reader(item);
    let Has { boards, sections } = serde_json::from_str(&row.text("has")?).map_err(|_| unreadable("has"))?;
    let refuses = row.maybe_text("refuses").map(|code| Failure::parse(&code).ok_or_else(|| unreadable("refuses")));
    Ok(SimulatedAccount {
        key,
        grant: row.number("grant")?,
        serial: row.number("serial")?,
        is_disconnected: row.number::<u8>("gone")? > 0,
        refuses: refuses.transpose()?,
        boards,
        sections,
        ids: row.number("ids")?,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

#[async_trait]
impl SimulatedAccounts for DynamoStore {
    async fn simulated_account(&self, key: AccountKey) -> PortResult<SimulatedAccount> {
        match self.get(keys::account(key), keys::SIMULATED, true).await? {
            Some(item) => read(key, &item),
            None => Ok(SimulatedAccount::new(key)),
        }
    }

    async fn save_simulated_account(&self, next: &SimulatedAccount) -> PortResult<Write<()>> {
        self.put_revision(item(next)?, next.rev, &next.nonce).await
    }
}
