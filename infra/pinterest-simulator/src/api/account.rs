//! `user_account/…`.

use super::Reply;
use super::views::AccountView;
use crate::errors::{self, ApiError};
use crate::world::World;
use crate::world::account::Caller;

pub fn get(world: &World, caller: Caller) -> Result<Reply, ApiError> {
    let account = world.account(caller.account).ok_or(errors::AUTHENTICATION_FAILED)?;
    let boards = world.boards_of(caller.account).count();
    Ok(Reply::with_json(200, &AccountView::of(account, boards)))
}
