//! The conformance suite: what every pair of stores must do, written once against the traits.
//!
//! A backend's whole test is a constructor of a fresh [`Pair`] and one call of [`instantiate`].
//! Every case gets stores of its own and a clock in its hand; none waits for time to pass.

use std::{any::Any, future::Future, sync::Arc};

use tokio::sync::Barrier;

use super::{IdentityStore, SessionStore};

mod addresses;
mod api_keys;
mod authorizations;
mod clients;
mod consents;
mod deployed;
mod device_grants;
mod devices;
mod edges;
mod embedded;
mod endings;
mod errands;
mod factor_changes;
mod factors;
mod feed;
mod followers;
mod identity_races;
mod keys;
mod log;
mod logins;
mod marks;
mod one_time;
mod passkeys;
mod passwords;
mod people;
mod places;
mod random;
mod refresh;
mod requests;
pub(crate) mod samples;
mod session_races;
mod sessions;
mod sites;
mod sweep;
mod tenants;
mod throttles;
mod warnings;

/// A fresh, empty pair of stores.
pub(super) struct Pair {
    pub(super) identity: Arc<dyn IdentityStore>,
    pub(super) sessions: Arc<dyn SessionStore>,
    /// What must outlive the stores and is cleared away when it is dropped.
    pub(super) _ground: Box<dyn Any + Send + Sync>,
}

/// How many take part in a race.
const RACERS: usize = 64;

/// Lets [`RACERS`] tasks start at the same moment; what each got, in no order.
async fn race<T, F>(runner: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(RACERS));
    let tasks: Vec<_> = (0..RACERS)
        .map(|number| {
            let (start, run) = (Arc::clone(&start), runner(number));
            tokio::spawn(async move {
                start.wait().await;
                run.await
            })
        })
        .collect();
    let mut got = Vec::with_capacity(RACERS);
    for task in tasks {
        got.push(task.await.unwrap());
    }
    got
}

/// How many of `got` are `wanted`.
fn count<T: PartialEq>(got: &[T], wanted: &T) -> usize {
    got.iter().filter(|one| *one == wanted).count()
}

/// Makes every case a test of the stores that `$fresh` (an `async fn() -> Pair`) gives.
macro_rules! instantiate {
    ($fresh:path) => {
        $crate::store::conformance::instantiate! { $fresh;
            people: [
                a_person_comes_back_whole,
                a_person_with_nothing_optional_comes_back_whole,
                nobody_is_found_by_a_name_that_nobody_has,
                an_address_names_its_owner_before_a_user_name_does,
                registering_makes_a_pending_account_and_its_event,
                registering_again_renews_a_pending_account_and_keeps_its_id,
                registering_an_address_that_is_taken_changes_nothing,
                a_pending_account_that_an_admin_made_is_nobodys_to_register,
                an_account_is_made_with_its_factors_and_codes,
                an_address_or_user_name_that_is_taken_makes_no_account,
                the_first_admin_is_made_only_while_there_is_none,
                a_pending_account_is_activated_once,
                an_account_is_activated_only_as_it_was_when_the_mail_was_sent,
                a_password_hash_is_renewed_only_from_the_stored_one,
                a_profile_is_changed_as_a_whole_and_only_from_the_version_it_was_read_in,
                a_user_name_that_is_taken_changes_no_profile,
                a_sign_in_is_noted_with_its_event,
                only_an_admin_who_is_active_or_pending_counts,
                an_admin_is_without_a_factor_until_one_is_confirmed,
                people_are_listed_newest_first_in_pages,
                people_are_found_by_a_part_of_what_they_are_called,
                an_account_is_changed_in_the_version_it_was_read_in,
                the_last_admin_who_may_sign_in_stays_one,
            ],
            addresses: [
                a_new_address_is_the_persons_with_its_endings_and_its_event,
                an_address_that_is_taken_stays_its_owners,
                a_registration_that_nobody_proved_makes_way,
                an_address_stays_where_what_has_to_be_so_is_not,
                a_number_comes_and_goes,
                a_number_stays_where_what_has_to_be_so_is_not,
                a_code_that_confirms_a_factor_proves_the_number_it_was_sent_to,
            ],
            factors: [
                factors_come_back_whole_and_oldest_first,
                enrolling_takes_the_place_of_what_was_unconfirmed,
                confirming_a_factor_spends_its_step_and_confirms_the_backup_codes,
                backup_codes_of_a_set_up_that_came_too_late_never_count,
                backup_codes_of_another_set_up_never_count,
                a_confirmation_that_was_overtaken_changes_nothing,
                confirming_without_name_and_step_leaves_them,
                a_factor_is_confirmed_once_and_only_for_its_owner,
                guesses_are_counted_up_to_the_limit_in_a_row,
                guesses_of_known_devices_are_a_row_of_their_own,
                a_factor_that_replaces_the_lost_ones_is_the_only_one_from_then_on,
                a_guess_that_was_none_is_taken_back,
                a_step_is_spent_once_with_every_older_one,
                a_backup_code_is_spent_once,
                the_same_prefix_of_another_factor_is_another_code,
                a_factor_is_renamed_or_preferred_by_its_owner_alone,
            ],
            passkeys: [
                a_passkey_comes_back_whole_with_its_confirmation,
                a_passkey_is_kept_only_with_its_confirmation,
                a_name_of_a_passkey_is_one_factors,
                a_passkey_goes_with_its_factor,
                a_counter_goes_up_or_stays_nought,
            ],
            factor_changes: [
                factors_come_and_go_in_one_act_with_endings_and_event,
                every_factor_can_go_and_none_has_to,
                a_change_made_for_other_factors_changes_nothing,
                the_unused_codes_of_a_factor_are_counted,
            ],
            passwords: [
                a_new_password_is_set_with_its_endings_and_its_event,
                a_first_password_is_set_like_any_other,
                a_link_that_was_mailed_proves_the_address,
                a_link_that_was_mailed_opens_a_blocked_account,
                an_invitation_says_what_an_account_that_was_nobodys_is,
                a_password_stays_where_what_has_to_be_so_is_not,
            ],
            warnings: [
                a_warning_comes_back_whole_until_it_is_over,
                a_loss_is_known_while_its_warning_is_not_over,
                a_denial_blocks_and_ends_everything_in_one_act,
                a_denial_takes_away_a_number_that_is_as_young_as_a_letter,
                a_denial_gives_an_address_back_and_takes_it_from_nobody_but_the_unproved,
                a_denial_of_what_changed_meanwhile_changes_nothing,
                what_was_mailed_elsewhere_since_is_worth_nothing_once_an_address_is_restored,
            ],
            places: [
                a_place_is_new_once,
                one_place_too_many_takes_the_one_used_longest_ago,
            ],
            devices: [
                a_device_comes_back_whole_and_only_to_its_owner,
                devices_are_listed_last_used_first,
                the_use_of_a_device_is_noted_for_its_owner_alone_and_never_goes_back,
                trusting_a_device_forgets_what_is_over_or_of_another_epoch,
                one_device_too_many_takes_the_one_used_longest_ago,
                the_removed_devices_are_the_persons_own,
                what_rests_on_a_device_ends_in_the_act_that_removes_it,
                a_device_lives_to_the_millisecond_it_says,
            ],
            tenants: [
                the_tenant_of_everybody_is_there_from_the_beginning,
                a_tenant_comes_back_whole,
                a_taken_id_makes_no_tenant,
                tenants_are_listed_by_id_byte_for_byte,
                a_membership_comes_back_whole_with_the_person,
                who_joins_again_has_the_new_roles_since_the_first_time,
                nobody_joins_what_is_not_there_or_is_their_own,
            ],
            clients: [
                a_client_comes_back_whole,
                clients_are_listed_by_id_in_pages_and_counted,
                an_id_of_a_client_is_given_once_for_ever,
                a_client_is_replaced_from_the_version_it_was_judged_by,
                two_changes_of_one_instant_are_two_versions,
                a_removed_client_is_gone_with_its_consents,
                a_follower_is_woken_when_a_client_changes,
                an_initial_access_token_lives_until_its_end,
            ],
            consents: [
                a_consent_comes_back_whole,
                a_consent_is_added_to_what_was_given_before,
                a_consent_needs_a_person_and_a_client,
                consents_are_listed_by_client_byte_for_byte,
                a_consent_is_withdrawn_with_what_came_of_it,
                who_waits_for_the_end_of_a_session_is_told_when_a_consent_is_withdrawn,
            ],
            api_keys: [
                an_api_key_comes_back_whole_and_only_to_its_owner,
                api_keys_are_listed_newest_first,
                the_api_keys_of_everybody_are_listed_in_pages,
                an_api_key_is_made_only_for_whom_it_was_judged_for,
                nobody_has_more_api_keys_than_may_be,
                a_revoked_api_key_is_gone_and_the_feed_says_so,
                what_becomes_of_the_owner_of_api_keys_is_told,
                the_use_of_api_keys_is_noted_together_and_never_goes_back,
                an_api_key_that_expired_is_kept_for_a_while,
            ],
            endings: [
                a_person_comes_with_the_endings_of_the_session_and_of_everything,
                an_ending_takes_the_later_instants_and_the_feed_says_so,
                every_kind_of_ending_is_in_the_snapshot_until_a_day_after_it_matters,
                the_endings_that_were_written_are_found_as_they_are_named,
                a_person_comes_with_other_endings_in_the_same_read,
            ],
            log: [
                events_come_back_whole_in_order_and_chained,
                an_empty_log_has_no_rows,
                an_act_tried_again_adds_no_second_row,
                the_rows_about_a_person_come_newest_first_in_pages,
                the_rows_about_a_person_are_counted_up_to_a_number,
            ],
            sites: [
                a_site_comes_back_whole,
                a_changed_site_takes_the_next_version_and_an_unchanged_one_keeps_it,
                a_new_site_is_refused_where_its_key_is_in_use,
                a_host_belongs_to_one_site_at_a_time,
                a_site_is_replaced_only_in_the_version_that_was_read,
                a_removed_site_is_gone_with_its_hosts,
                sites_are_listed_by_key_byte_for_byte,
            ],
            keys: [
                a_signing_key_comes_back_whole,
                a_key_is_added_only_after_the_expected_one,
                a_predecessor_is_given_its_end_and_leaves_the_set_then,
                every_algorithm_has_a_line_of_keys_of_its_own,
                the_feed_carries_the_keys_of_the_moment_of_publication,
            ],
            edges: [
                an_edge_is_found_by_its_credential_alone,
                a_name_belongs_to_one_edge,
                a_renewed_credential_takes_the_place_of_the_old_one,
                a_removed_edge_is_gone_with_what_it_told,
                a_key_belongs_to_one_edge,
                the_keys_of_edges_are_those_told_of_lately,
                what_edges_refused_is_found_by_its_id_for_a_while,
                of_too_many_refusals_those_of_nobody_go_first,
            ],
            errands: [
                an_errand_comes_back_whole,
                what_is_not_due_is_not_claimed,
                errands_are_claimed_longest_due_first_and_told_in_order,
                a_claim_lasts_until_its_end,
                a_deferred_errand_is_due_again_then,
                a_rewritten_errand_has_its_new_content_and_end,
                whoever_has_lost_a_claim_changes_nothing,
                a_finished_errand_is_gone,
                the_backlog_counts_what_is_not_finished,
                each_errand_is_claimed_by_one,
                an_errand_queued_again_stays_as_it_is,
                an_errand_waits_for_the_end_of_its_session,
                an_errand_that_waits_is_due_at_its_own_time_too,
                an_errand_for_the_end_of_a_session_that_has_ended_is_due_at_once,
                every_act_that_ends_sessions_makes_what_waits_due,
                no_errand_misses_the_end_of_its_session,
            ],
            feed: [
                an_empty_feed_has_an_epoch_and_ends_at_nought,
                entries_are_numbered_without_gaps_and_read_in_pages,
                a_snapshot_says_everything_as_of_one_number,
                a_follower_is_told_when_the_feed_grows,
                a_follower_misses_nothing_while_many_write,
                a_snapshot_and_the_entries_after_it_give_the_whole,
            ],
            sweep: [
                an_ending_is_kept_for_as_long_as_a_session_may_last,
                the_feed_forgets_its_oldest_entries_and_goes_on_from_its_newest,
                an_entry_of_a_clock_that_was_behind_leaves_no_gap,
                one_sweep_takes_no_more_than_its_share,
                a_warning_is_forgotten_when_it_is_over,
            ],
            sessions: [
                a_session_comes_back_whole,
                a_session_with_nothing_optional_comes_back_whole,
                a_session_is_found_only_under_its_owner,
                sessions_are_listed_newest_first,
                activity_is_noted,
                a_new_proof_takes_the_place_of_the_old_one,
                a_new_proof_replaces_the_families_of_its_client,
                a_closed_session_is_gone_and_others_stay,
                every_session_but_one_is_closed,
                a_session_does_not_exist_from_its_end_on,
                one_session_too_many_closes_the_one_begun_first,
                sessions_of_one_client_make_room_for_none_of_another,
                sessions_that_are_over_or_of_others_are_not_counted,
                a_session_that_begins_behind_the_others_is_opened_all_the_same,
                a_session_without_a_family_comes_back_whole,
                a_browser_holds_another_secret_after_a_new_proof,
                only_the_browser_of_a_living_session_is_raised,
            ],
            refresh: [
                a_live_token_is_rotated_again_and_again,
                a_successor_lives_its_span_but_not_beyond_the_session,
                a_spent_token_is_good_once_more_within_the_window,
                the_window_counts_from_the_first_rotation,
                the_successor_that_a_retry_replaced_is_dead,
                a_spent_token_is_reused_once_its_successor_was_used,
                a_token_of_two_rotations_ago_is_reused,
                a_token_never_issued_in_a_known_family_is_reused,
                reuse_is_told_as_often_as_it_happens_and_changes_nothing,
                a_closed_session_takes_every_family_with_it_and_no_other_session,
                another_clients_token_changes_nothing,
                a_token_whose_life_is_over_is_unknown_and_changes_nothing,
                an_unknown_person_session_or_family_is_unknown,
                the_families_of_a_session_live_side_by_side,
                a_family_needs_a_session,
                a_client_has_so_many_families_and_the_one_used_longest_ago_is_to_go,
                the_live_token_and_the_one_spent_last_are_found_as_they_stand,
                a_removed_family_is_gone_and_others_stay,
                the_living_families_of_a_person_are_listed,
                a_family_in_the_place_of_another_has_what_was_granted_to_it,
            ],
            authorizations: [
                an_authorization_request_comes_back_whole,
                what_is_done_for_a_request_is_noted_beside_what_was_before,
                a_request_of_one_kind_is_none_of_another,
                an_authorization_request_is_consumed_once,
                an_authorization_request_does_not_exist_from_its_end_on,
                a_code_comes_back_whole,
                a_code_notes_that_its_client_takes_part_once,
                a_code_needs_a_session,
                a_code_is_redeemed_once_and_remembered,
                a_code_that_nobody_redeemed_is_unknown_from_its_end_on,
            ],
            device_grants: [
                a_device_that_asks_comes_back_whole,
                a_user_code_is_one_devices_while_that_lives,
                a_device_hears_what_the_person_said,
                a_device_code_is_its_clients_alone,
                the_client_takes_part_in_the_session_of_whoever_said_yes,
                a_device_is_decided_about_once_and_in_time,
                a_device_that_polls_too_soon_has_to_wait_longer,
                a_device_is_told_that_its_time_is_over,
            ],
            marks: [
                what_was_marked_comes_again_until_it_is_forgotten,
                what_is_over_when_it_is_marked_is_not_remembered,
            ],
            logins: [
                half_a_sign_in_comes_back_whole,
                half_a_sign_in_is_consumed_once,
                half_a_sign_in_does_not_exist_from_its_end_on,
            ],
            one_time: [
                a_one_time_token_comes_back_whole_for_every_purpose,
                a_one_time_token_is_consumed_once_and_only_by_itself,
                a_newer_token_takes_the_place_of_the_older_one,
                a_token_of_one_purpose_or_owner_is_none_of_another,
                a_one_time_token_does_not_exist_from_its_end_on,
            ],
            requests: [
                a_request_is_carried_out_once_and_its_answer_is_kept,
                a_claim_lapses,
                a_claim_that_was_given_up_is_anybodys_and_an_answer_stays,
                an_answer_is_forgotten_at_its_end,
                a_request_is_claimed_by_one,
            ],
            followers: [
                a_follower_follows_until_it_says,
                of_a_follower_the_higher_number_and_the_later_end_stay,
                a_follower_that_comes_again_begins_anew,
                many_followers_are_noted_together,
            ],
            throttles: [
                tries_are_counted_up_to_the_limit,
                a_try_leaves_the_window_when_its_length_has_passed,
                a_refused_try_is_not_counted,
                tries_of_one_instant_count_one_by_one,
                a_forgiven_try_makes_room_for_one,
                forgiving_what_was_not_counted_changes_nothing,
                keys_have_budgets_of_their_own,
                a_key_of_any_printable_ascii_is_good,
            ],
            identity_races: [
                one_address_is_registered_once,
                one_account_is_made_of_one_address,
                one_account_is_made_of_one_user_name,
                one_first_admin_is_made,
                of_admins_who_close_their_accounts_at_once_one_stays,
                an_account_is_activated_by_one,
                one_enrolment_remains,
                a_factor_is_confirmed_by_one,
                no_more_guesses_are_counted_than_allowed,
                a_totp_step_is_consumed_by_one,
                a_backup_code_is_consumed_by_one,
                a_count_of_a_passkey_is_used_by_one,
                a_name_of_a_passkey_is_given_to_one,
                a_signing_key_is_added_by_one,
                a_new_site_is_made_by_one,
                a_host_is_given_to_one,
                the_latest_ending_wins,
                the_log_stays_chained,
                one_event_is_written_once,
                a_password_is_changed_by_one,
                a_warning_is_used_by_one,
                a_place_is_new_to_one,
                factors_are_changed_by_one,
                one_address_is_given_to_one,
                an_address_is_registered_or_given_to_one,
                a_tenant_is_made_by_one,
                a_tenant_is_joined_once,
                no_more_devices_are_trusted_than_kept,
                a_client_is_registered_by_one,
                a_removed_client_is_not_registered_again,
                a_version_of_a_client_is_replaced_by_one,
                no_consent_is_lost,
                no_more_api_keys_are_made_than_may_be,
                an_api_key_is_revoked_by_one,
            ],
            session_races: [
                a_rotated_token_leaves_one_live_leaf,
                a_session_closed_while_it_is_refreshed_stays_closed,
                half_a_sign_in_is_consumed_by_one,
                a_one_time_token_is_consumed_by_one,
                no_more_tries_are_counted_than_allowed,
                no_more_sessions_live_than_are_kept,
                an_authorization_request_is_consumed_by_one,
                nothing_that_was_noted_in_a_flow_is_lost,
                a_code_is_redeemed_by_one,
                every_client_of_a_session_is_noted_once,
                a_user_code_is_given_to_one,
                a_device_is_decided_about_by_one,
                the_yes_to_a_device_is_heard_by_one,
                what_counts_once_counts_for_one,
                a_browser_is_raised_by_one,
            ],
        }
    };
    ($fresh:path; $($topic:ident: [$($case:ident),* $(,)?],)*) => {
        $(mod $topic {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let pair = $fresh().await;
                $crate::store::conformance::$topic::$case(&pair).await;
            })*
        })*
    };
}
use instantiate;
