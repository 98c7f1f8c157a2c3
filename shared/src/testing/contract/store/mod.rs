//! The rules of the store.

pub mod accounts;
pub mod backlog;
pub mod daily_budget;
pub mod edits;
pub mod markers;
pub mod pacing;
pub mod pins;
pub mod together;
pub mod unresolved;

/// Runs every rule; the async function returns `(Arc<dyn Store>, guard)` with a fresh store.
#[macro_export]
macro_rules! store_contract {
    ($fresh:path) => {
        use $crate::testing::contract::store::{
            accounts, backlog, markers, daily_budget, unresolved, edits, pacing, pins, together,
        };
        $crate::contract_cases!($fresh;
            accounts:
            the_table_answers,
            an_account_round_trips_with_every_field,
            an_account_is_written_on_the_revision_it_follows,
            due_accounts_are_the_most_overdue_that_are_not_given_up,
            a_workspace_lists_its_own_accounts;
            pins:
            a_pin_is_accepted_once,
            a_repeated_write_of_the_same_acceptance_is_recognised,
            a_pin_round_trips_with_every_field,
            pins_are_listed_oldest_first_after_any_position,
            an_untouched_pin_has_the_state_of_its_placement,
            an_attempt_is_written_on_the_revision_it_follows,
            a_lost_write_answers_the_row_as_it_is,
            a_repeated_write_of_the_same_attempt_is_recognised,
            an_attempt_without_the_row_it_follows_is_lost,
            of_concurrent_attempts_one_wins,
            an_attempt_round_trips_with_every_field,
            many_pins_are_read_in_the_order_of_their_keys,
            words_about_attempts_are_kept_in_order,
            siblings_are_the_pins_of_the_same_content_and_account;
            together:
            attempts_saved_together_are_all_written,
            a_lost_condition_changes_none_of_them,
            a_repeated_write_of_the_same_attempts_is_recognised,
            attempts_without_a_nonce_are_not_recognised_as_repetitions,
            of_concurrent_writes_together_one_wins_as_a_whole;
            edits:
            an_edit_is_written_on_the_revision_it_follows,
            a_repeated_write_of_the_same_edit_is_recognised,
            a_hidden_pin_leaves_the_listing_and_is_not_written_again,
            some_siblings_are_read_up_to_a_limit;
            unresolved:
            an_unresolved_pin_is_listed_once_however_often_it_is_registered,
            unresolved_pins_are_read_up_to_a_limit,
            removed_unresolved_pins_are_gone_and_the_rest_stays,
            each_board_has_its_own_unresolved_pins_and_scan,
            a_board_scan_round_trips_with_every_field,
            a_board_scan_is_written_on_the_revision_it_follows,
            a_repeated_write_of_the_same_board_scan_is_recognised,
            of_concurrent_board_scans_one_wins;
            pacing:
            a_fresh_bucket_is_the_default,
            every_take_does_what_the_domain_specifies,
            a_refused_take_changes_nothing,
            a_repeated_take_counts_once,
            a_bucket_of_a_bad_clock_is_reset_once,
            concurrent_takes_get_distinct_slots,
            of_concurrent_claims_of_a_release_one_succeeds,
            an_own_write_takes_what_the_domain_specifies,
            a_repeated_own_write_counts_once,
            of_concurrent_own_writes_of_the_same_state_one_succeeds,
            the_later_pause_stays,
            a_pause_never_fills_the_bucket,
            an_earlier_pause_may_still_extend_the_slowdown,
            a_hold_is_lifted_only_if_it_is_unchanged,
            the_waiting_mark_is_set_and_refreshed_and_never_moves_back,
            the_waiting_mark_is_cleared_only_if_it_is_unchanged,
            accounts_of_one_user_share_its_tokens_and_its_pauses_and_nothing_else,
            a_link_keeps_what_the_account_owes_and_the_pauses_it_has,
            accounts_that_are_linked_together_owe_all_that_they_owed,
            waiting_accounts_are_those_that_are_marked,
            each_account_has_its_own_bucket;
            backlog:
            the_backlog_is_in_the_order_of_release,
            the_backlog_is_read_up_to_a_limit,
            the_oldest_of_one_priority_are_read,
            the_position_of_a_row_is_counted,
            a_returning_pin_has_a_row_of_its_own,
            many_rows_are_deleted_and_the_rest_stays,
            each_account_has_its_own_backlog;
            daily_budget:
            a_day_is_counted_and_read_back,
            of_two_counts_that_saw_the_same_day_one_is_lost,
            a_repeated_count_of_a_day_is_recognised;
            markers:
            markers_round_trip_in_every_shard,
            a_marker_holds_up_to_its_limit_of_pins,
            a_marker_keeps_its_purpose,
            a_deleted_marker_is_gone_and_others_stay,
            the_watermark_never_goes_back,
            the_lease_has_one_holder,
            the_lease_expires,
            the_lease_is_released_by_its_holder_only;
        );
    };
}
