//! The suite that every backend passes, or does not ship: one function for each promise that the traits make.
//!
//! A backend's tests call [`durable_contract!`](crate::durable_contract),
//! [`documents_contract!`](crate::documents_contract) or [`hot_contract!`](crate::hot_contract) with a function that opens
//! a store. All names that a case uses are its own, so a store may be shared by all cases and need not be empty. What is
//! random comes from a [`Dice`], which prints its seed when the case fails.

#![allow(clippy::expect_used, clippy::panic, reason = "a case that fails does so loudly")]

mod case;

mod dice;

pub mod documents;

pub mod durable;

pub mod hot;

mod model;

mod still;

pub use dice::Dice;
pub use still::StillHot;

/// Makes a test of every case of [`contract::durable`](crate::contract::durable).
///
/// The argument names an `async fn() -> (Guard, Arc<dyn Durable>)`; the guard is kept until the case is over.
#[macro_export]
macro_rules! durable_contract {
    ($open:path) => {
        $crate::contract_cases! { durable, $open:
            what_was_never_written_is_not_there
            a_written_session_is_read_back
            every_field_of_an_event_is_kept
            an_empty_batch_is_no_error
            a_write_given_twice_changes_nothing
            the_order_of_writes_does_not_matter
            overlapping_writes_keep_each_identity_once
            the_earliest_clock_wins
            the_latest_description_wins
            an_opened_session_knows_what_was_written
            positions_join
            one_batch_writes_many_sessions_and_positions
            names_that_begin_each_other_do_not_mix
            a_session_of_ten_thousand_events
            concurrent_writers_lose_nothing
            an_erased_user_stays_erased
            an_erasure_spares_what_is_later
            completions_across_an_erasure_begin_anew
            the_latest_erasure_counts
            an_erasure_spares_other_users
            an_erased_item_is_remembered
            the_greatest_erasure_of_an_item_counts
            erasures_of_many_items
            an_erased_item_changes_no_row
            a_persisted_store_goes_on
            it_agrees_with_the_model
        }
    };
}

/// Makes a test of every case of [`contract::documents`](crate::contract::documents).
///
/// The argument names an `async fn() -> (Guard, Arc<dyn Documents>)`; the guard is kept until the case is over.
#[macro_export]
macro_rules! documents_contract {
    ($open:path) => {
        $crate::contract_cases! { documents, $open:
            what_was_never_put_is_not_there
            a_document_is_read_back_as_it_was_put
            a_change_needs_the_version_that_it_expects
            a_put_given_again_changes_nothing_more
            racing_writers_lose_no_change
            documents_are_listed_page_by_page
            entries_come_and_go_with_their_document
            an_entry_that_came_back_stays
            partitions_that_begin_each_other_do_not_mix
            a_purged_partition_begins_anew
            it_agrees_with_a_model
        }
    };
}

/// Makes a test of every case of [`contract::hot`](crate::contract::hot).
///
/// The argument names an `async fn() -> (Guard, Arc<dyn Hot>)`; the guard is kept until the case is over.
#[macro_export]
macro_rules! hot_contract {
    ($open:path) => {
        $crate::contract_cases! { hot, $open:
            what_was_never_applied_is_not_there
            the_first_clock_is_fixed_once
            concurrent_proposals_get_one_clock
            an_applied_clock_is_kept
            who_asks_for_a_slot_fixes_no_clock
            there_is_a_verdict_for_each_update
            positions_join_in_any_order
            positions_are_listed_by_user
            names_that_begin_each_other_do_not_mix
            an_erased_user_is_forgotten
            sessions_below_the_limit_are_admitted_and_listed
            the_newest_is_denied_at_the_limit
            beats_keep_a_lease_and_three_that_are_missing_end_it
            the_oldest_is_evicted_and_told_by_whom
            a_device_takes_over_its_own_ghost
            a_second_session_of_a_device_plays_on_where_there_is_room
            an_ended_session_gives_its_slot_back
            a_paused_session_keeps_its_slot_for_a_while
            a_stuck_playhead_counts_as_paused
            limits_hold_by_device_type_content_and_device
            a_stopped_session_stays_stopped
            forgotten_leases_come_back_with_the_next_beats
            a_paused_session_gives_way_when_leases_come_back
            rules_that_are_tried_stop_nobody
            what_was_watched_offline_takes_no_slot
            racing_sessions_never_exceed_the_limit
            it_decides_as_the_rule_does
            what_is_told_stale_is_heard
            a_notice_of_the_greatest_length_is_heard
        }
    };
}

/// A test for each case of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($suite:ident, $open:path: $($case:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let (_guard, store) = $open().await;
                $crate::contract::$suite::$case(store).await;
            }
        )+
    };
}
