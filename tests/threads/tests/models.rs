//! Every model, as a test.

macro_rules! models {
    ($($room:ident { $($model:ident)* })*) => {
        $(mod $room {
            $(#[test] fn $model() { trialplate_threads::models::$room::$model(); })*
        })*
    };
}

models! {
    header { a_look_is_a_state_that_was }
    once { one_value_for_all_threads }
    cache {
        no_get_is_older_than_what_was_told
        a_score_before_a_move
        a_score_and_a_move
        threads_share_a_table
        a_slow_thread_files_nothing_old
    }
    current { a_handle_uses_one_engine_until_it_is_closed everybody_follows_an_exchange }
    queue {
        callers_lose_no_write
        what_a_thread_submits_it_sees_in_its_next_write
        whoever_posts_is_told_once
        a_queue_that_is_shut_leaves_nobody_waiting
        a_queue_that_is_shut_tells_whoever_submits
        a_callback_may_shut_the_queue
        a_callback_may_submit_and_then_write
        an_operation_may_submit_another
        a_failing_engine_fails_its_group_alone
        a_panic_hands_the_baton_on
    }
    recorder {
        a_full_queue_makes_callers_wait_and_wakes_them
        a_flush_returns_when_what_was_logged_before_is_durable
        a_call_is_recorded_or_dropped
        a_refused_call_keeps_no_flush_waiting
    }
}
