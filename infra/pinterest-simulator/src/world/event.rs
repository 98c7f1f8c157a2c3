//! The events of the journal. Every change of the durable state is one event, applied in one place.

use serde::{Deserialize, Serialize};

use super::World;
use super::account::{Account, AccountIndex};
use super::board::{Board, BoardDraft, Privacy};
use super::pin::Pin;
use super::plan::PlannedPin;
use super::scopes::{self, Scopes};
use super::section::Section;
use super::tokens::{AccessToken, RefreshToken};
use super::upload::{Received, Upload};
use crate::seed;

/// One committed change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The documented accounts from number `first` to `last` were created.
    AccountsSeeded {
        first: usize,
        last: usize,
        at_ms: i64,
    },
    BoardCreated {
        board: Board,
    },
    /// Has all properties that can be changed, also the unchanged ones.
    BoardUpdated {
        id: String,
        draft: BoardDraft,
    },
    /// Deletes its sections and Pins too.
    BoardDeleted {
        id: String,
        at_ms: i64,
    },
    SectionCreated {
        section: Section,
    },
    SectionRenamed {
        id: String,
        name: String,
    },
    /// Deletes its Pins too.
    SectionDeleted {
        id: String,
        at_ms: i64,
    },
    /// `plan` is the number of the planned Pin that this commit fulfils.
    PinCreated {
        pin: Pin,
        plan: Option<u64>,
    },
    PinPlanned {
        planned: PlannedPin,
    },
    PinDeleted {
        id: String,
        at_ms: i64,
    },
    UploadRegistered {
        upload: Upload,
    },
    UploadReceived {
        id: String,
        received: Received,
    },
    /// New tokens. The same event revokes the refresh token that was exchanged for them.
    TokensIssued {
        access: AccessToken,
        refresh: Option<RefreshToken>,
        retired_refresh_token: Option<String>,
    },
    TokensRevoked {
        account: AccountIndex,
        refresh_too: bool,
    },
}

impl World {
    /// Applies an event and, while recording, keeps it.
    pub(super) fn commit(&mut self, event: Event) {
        if self.recording {
            self.recorded.push(event.clone());
        }
        self.apply(event);
    }

    /// Applies an event that was recorded before. Replaying all of them gives the same world again.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::AccountsSeeded { first, last, at_ms } => self.add_accounts(first, last, at_ms),
            Event::BoardCreated { board } => self.add_board(board),
            Event::BoardUpdated { id, draft } => self.mark_board_updated(&id, draft),
            Event::BoardDeleted { id, at_ms } => self.mark_board_deleted(&id, at_ms),
            Event::SectionCreated { section } => self.add_section(section),
            Event::SectionRenamed { id, name } => self.mark_section_renamed(&id, name),
            Event::SectionDeleted { id, at_ms } => self.mark_section_deleted(&id, at_ms),
            Event::PinCreated { pin, plan } => self.add_pin(pin, plan),
            Event::PinPlanned { planned } => self.add_plan(planned),
            Event::PinDeleted { id, at_ms } => self.mark_deleted(&id, at_ms),
            Event::UploadRegistered { upload } => self.add_upload(upload),
            Event::UploadReceived { id, received } => self.mark_received(&id, received),
            Event::TokensIssued { access, refresh, retired_refresh_token } => {
                self.add_tokens(access, refresh, retired_refresh_token.as_deref());
            }
            Event::TokensRevoked { account, refresh_too } => self.mark_revoked(account, refresh_too),
        }
    }

    fn add_accounts(&mut self, first: usize, last: usize, at_ms: i64) {
        for seed in seed::seed_accounts(last).into_iter().skip(first.saturating_sub(1)) {
            let account = self.accounts.len();
            self.accounts.push(Account {
                id: seed.id,
                username: seed.username,
                boards: Vec::new(),
                pins: Vec::new(),
                uploads: Vec::new(),
                pin_count: 0,
            });
            for board in seed.boards {
                let draft = BoardDraft { name: board.name, description: None, privacy: Privacy::Public };
                self.add_board(Board::new(board.id, account, draft, at_ms));
            }
            let read_only = Scopes::of(&[scopes::BOARDS_READ, scopes::PINS_READ, scopes::USER_ACCOUNTS_READ]);
            for (token, scopes) in [(seed.access_token, Scopes::EVERY), (seed.read_only_access_token, read_only)] {
                let access = AccessToken {
                    token,
                    account,
                    scopes,
                    expires_at_ms: at_ms + self.settings.access_token_lifetime_s * 1000,
                    revoked: false,
                };
                self.access_tokens.insert(access.token.clone(), access);
            }
            let refresh = RefreshToken {
                token: seed.refresh_token,
                account,
                scopes: Scopes::EVERY,
                expires_at_ms: at_ms + self.settings.refresh_token_lifetime_s * 1000,
                revoked: false,
            };
            self.refresh_tokens.insert(refresh.token.clone(), refresh);
        }
    }
}
