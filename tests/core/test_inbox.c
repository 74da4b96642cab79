// SPDX-License-Identifier: MIT
// Inbox: nothing lost, in order, refused once closed; with real threads.
//
// The threads post as fast as they can and the main thread drains as often as
// it can until all is there: no sleep, no time limit of the test's own.
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "tests/core/fake.h"
#include "tests/core/starved.h"

enum {
    THREADS = 4,
    POSTS = 100000, // of each thread
    FLOOD_MAX = 1 << 22
};

// ---- one thread

static char called[16]; // the letters of the posts that were called
static size_t count;    // of them

static void note(void *arg) {
    const char *letter = arg;
    assert_true(count < sizeof called - 1);
    called[count++] = *letter;
    called[count] = '\0';
}

static long made; // posts that do no more

static void count_one(void *arg) {
    (void)arg;
    made++;
}

static int setup(void **state) {
    called[0] = '\0';
    count = 0;
    made = 0;
    return fake_setup(state);
}

static int setup_alone(void **state) {
    setup(state);
    return stage_teardown(state);
}

static neap_inbox *inbox_of(void **state) {
    stage *on = *state;
    return on->loop.inbox;
}

static void post(neap_inbox *inbox, char *letter) {
    assert_int_equal(neap_inbox_post(inbox, note, letter), 0);
}

static void posts_are_called_in_order_with_their_arguments(void **state) {
    neap_inbox *inbox = inbox_of(state);
    post(inbox, "a");
    post(inbox, "b");
    post(inbox, "c");
    assert_string_equal(called, "");
    neap_inbox_drain(inbox);
    assert_string_equal(called, "abc");
    neap_inbox_drain(inbox); // each of them once
    assert_string_equal(called, "abc");
}

static void only_the_first_of_many_posts_wakes_the_poller(void **state) {
    neap_inbox *inbox = inbox_of(state); // P1
    for (int i = 0; i < 5; i++) post(inbox, "a");
    assert_int_equal(fake.wakes, 1);
    neap_inbox_drain(inbox);
    for (int i = 0; i < 5; i++) post(inbox, "b");
    assert_int_equal(fake.wakes, 2);
    neap_inbox_drain(inbox);
    assert_string_equal(called, "aaaaabbbbb");
}

static void post_more(void *arg) {
    note("m");
    post(arg, "n");
}

static void step_post(probe *self) { post(self->task.loop->inbox, "a"); }

// It looks before it sleeps, and so does a host that asks when it is due.
static void a_loop_at_work_need_not_be_woken(void **state) {
    stage *on = *state; // P1
    stage_start(on, 'p', step_post);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_int_equal(fake.wakes, 0);
    assert_int_equal(neap_loop_due(&on->loop), 0);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 0);
    assert_string_equal(called, "a");
    post(on->loop.inbox, "b"); // from now on it may sleep
    assert_int_equal(fake.wakes, 1);
}

static void posts_made_by_posts_wait_for_the_next_drain(void **state) {
    neap_inbox *inbox = inbox_of(state); // S4, P5
    neap_inbox_post(inbox, post_more, inbox);
    neap_inbox_post(inbox, post_more, inbox);
    neap_inbox_drain(inbox);
    assert_string_equal(called, "mm");
    neap_inbox_drain(inbox);
    assert_string_equal(called, "mmnn");
}

static void a_closed_inbox_refuses_and_keeps_what_it_has(void **state) {
    neap_inbox *inbox = inbox_of(state); // P4
    post(inbox, "a");
    neap_inbox_close(inbox);
    assert_int_equal(neap_inbox_post(inbox, note, "b"), -ECANCELED);
    neap_inbox_drain(inbox);
    assert_string_equal(called, "a");
    assert_int_equal(neap_inbox_post(inbox, note, "c"), -ECANCELED);
    neap_inbox_drain(inbox);
    assert_string_equal(called, "a");
    assert_int_equal(fake.wakes, 1); // refused posts wake nobody
}

static void what_was_accepted_is_called_at_the_end(void **state) {
    stage on; // P4
    (void)state;
    stage_open(&on);
    post(on.loop.inbox, "a");
    stage_close(&on);
    assert_string_equal(called, "a");
}

// ---- bells

typedef struct ringer {
    neap_bell bell;
    neap_inbox *inbox;
    int heard;  // times
    bool again; // rings itself when it is heard
} ringer;

static void hear(neap_bell *bell) {
    ringer *self = NEAP_OWNER(bell, ringer, bell);
    self->heard++;
    if (self->again) neap_inbox_ring(self->inbox, bell);
}

static ringer new_ringer(neap_inbox *inbox) {
    return (ringer){.bell = {.heard = hear}, .inbox = inbox};
}

static void a_bell_is_heard_once_however_often_it_was_rung(void **state) {
    neap_inbox *inbox = inbox_of(state);
    ringer one = new_ringer(inbox), other = new_ringer(inbox);
    for (int i = 0; i < 3; i++)
        assert_int_equal(neap_inbox_ring(inbox, &one.bell), i == 0);
    assert_int_equal(neap_inbox_ring(inbox, &other.bell), 1);
    assert_int_equal(fake.wakes, 1);
    assert_true(neap_inbox_due(inbox));
    neap_inbox_drain(inbox);
    assert_int_equal(one.heard, 1);
    assert_int_equal(other.heard, 1);
    assert_false(neap_inbox_due(inbox));
    neap_inbox_ring(inbox, &one.bell);
    neap_inbox_drain(inbox);
    assert_int_equal(one.heard, 2);
}

static void a_bell_that_rings_itself_is_heard_once_a_drain(void **state) {
    neap_inbox *inbox = inbox_of(state); // P5
    ringer self = new_ringer(inbox);
    self.again = true;
    neap_inbox_ring(inbox, &self.bell);
    for (int i = 1; i <= 3; i++) {
        neap_inbox_drain(inbox);
        assert_int_equal(self.heard, i);
    }
    self.again = false;
    neap_inbox_drain(inbox);
    assert_false(neap_inbox_due(inbox));
}

static void a_silenced_bell_is_not_heard(void **state) {
    neap_inbox *inbox = inbox_of(state);
    ringer self = new_ringer(inbox);
    neap_inbox_silence(inbox, &self.bell); // which was not rung: no harm
    neap_inbox_ring(inbox, &self.bell);
    neap_inbox_silence(inbox, &self.bell);
    neap_inbox_drain(inbox);
    assert_int_equal(self.heard, 0);
    neap_inbox_ring(inbox, &self.bell);
    neap_inbox_drain(inbox);
    assert_int_equal(self.heard, 1);
}

static void a_closed_inbox_hears_bells_until_the_loop_has_gone(void **state) {
    stage on; // P4, P6
    (void)state;
    stage_open(&on);
    neap_inbox *inbox = neap_inbox_hold(on.loop.inbox);
    ringer early = new_ringer(inbox), last = early, late = early;
    neap_inbox_close(inbox);
    assert_int_equal(neap_inbox_ring(inbox, &early.bell), 1);
    neap_inbox_drain(inbox);
    assert_int_equal(early.heard, 1);
    assert_int_equal(neap_inbox_ring(inbox, &last.bell), 1);
    stage_close(&on);
    assert_int_equal(last.heard, 1);
    assert_int_equal(neap_inbox_ring(inbox, &late.bell), -ECANCELED);
    assert_int_equal(late.heard, 0);
    neap_inbox_release(inbox);
}

static void *ring_often(void *arg) {
    ringer *self = arg;
    for (int i = 0; i < POSTS; i++) neap_inbox_ring(self->inbox, &self->bell);
    return NULL;
}

static void the_last_ring_is_heard(void **state) {
    neap_inbox *inbox = inbox_of(state);
    ringer ringers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        ringers[i] = new_ringer(inbox);
        int rc = pthread_create(&threads[i], NULL, ring_often, &ringers[i]);
        assert_int_equal(rc, 0);
    }
    for (int i = 0; i < 100; i++) neap_inbox_drain(inbox);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    int heard = ringers[0].heard;
    neap_inbox_ring(inbox, &ringers[0].bell);
    neap_inbox_drain(inbox);
    assert_true(ringers[0].heard > heard);
    for (int i = 0; i < THREADS; i++)
        assert_in_range(ringers[i].heard, 1, POSTS + 1);
}

static int count_down(neap_inbox *inbox, long *left) {
    for (long i = 0; i < FLOOD_MAX; i++, (*left)++) {
        int rc = neap_inbox_post(inbox, count_one, NULL);
        if (rc < 0) return rc;
    }
    return 0;
}

static void no_memory_is_an_answer_and_loses_nothing(void **state) {
    neap_inbox *inbox = inbox_of(state);
    long accepted = 0;
    if (!starve()) skip();
    int rc = count_down(inbox, &accepted);
    feed();
    if (rc == 0) skip(); // a malloc that knows no limit
    assert_int_equal(rc, -ENOMEM);
    neap_inbox_drain(inbox);
    assert_int_equal(made, accepted);
    post(inbox, "a");
    neap_inbox_drain(inbox);
    assert_string_equal(called, "a");
}

// ---- many threads

typedef struct poster {
    neap_inbox *inbox;
    pthread_t thread;
    unsigned number;  // of the thread
    unsigned next;    // of its posts, to be called
    unsigned refused; // posts of it
} poster;

static poster posters[THREADS];
static unsigned arrived; // posts of all of them, on the main thread

// Number of the thread, and of the post among the thread's, in one pointer.
static void *ticket(unsigned thread, unsigned post) {
    return (void *)((uintptr_t)thread * POSTS + post);
}

static void take_ticket(void *arg) {
    unsigned thread = (unsigned)((uintptr_t)arg / POSTS);
    unsigned number = (unsigned)((uintptr_t)arg % POSTS);
    assert_true(thread < THREADS);
    assert_int_equal(posters[thread].next, number); // FIFO for each thread
    posters[thread].next++;
    arrived++;
}

// Once refused it is refused for ever; else nothing may fail.
static void *post_all(void *arg) {
    poster *self = arg;
    for (unsigned i = 0; i < POSTS; i++) {
        void *one = ticket(self->number, i);
        if (neap_inbox_post(self->inbox, take_ticket, one) < 0) self->refused++;
        else if (self->refused > 0) abort();
    }
    return NULL;
}

static void start_posters(neap_inbox *inbox) {
    arrived = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        posters[i] = (poster){.inbox = inbox, .number = i};
        int rc =
            pthread_create(&posters[i].thread, NULL, post_all, &posters[i]);
        assert_int_equal(rc, 0);
    }
}

static void join_posters(void) {
    for (int i = 0; i < THREADS; i++) pthread_join(posters[i].thread, NULL);
}

static void nothing_is_lost_and_each_thread_is_in_order(void **state) {
    neap_inbox *inbox = inbox_of(state); // P2
    start_posters(inbox);
    while (arrived < THREADS * POSTS) {
        neap_inbox_drain(inbox);
        sched_yield();
    }
    join_posters();
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(posters[i].next, POSTS);
        assert_int_equal(posters[i].refused, 0);
    }
}

// Whatever was accepted before the close is called, and nothing after it.
static void closing_amid_posts_loses_none_that_was_accepted(void **state) {
    neap_inbox *inbox = inbox_of(state); // P4
    start_posters(inbox);
    while (arrived < POSTS / 2) neap_inbox_drain(inbox);
    neap_inbox_close(inbox);
    join_posters();
    neap_inbox_drain(inbox);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(posters[i].next + posters[i].refused, POSTS);
}

#define ON_INBOX(test) \
    cmocka_unit_test_setup_teardown(test, setup, stage_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_INBOX(posts_are_called_in_order_with_their_arguments),
        ON_INBOX(only_the_first_of_many_posts_wakes_the_poller),
        ON_INBOX(a_loop_at_work_need_not_be_woken),
        ON_INBOX(posts_made_by_posts_wait_for_the_next_drain),
        ON_INBOX(a_closed_inbox_refuses_and_keeps_what_it_has),
        cmocka_unit_test_setup(what_was_accepted_is_called_at_the_end,
                               setup_alone),
        ON_INBOX(no_memory_is_an_answer_and_loses_nothing),
        ON_INBOX(a_bell_is_heard_once_however_often_it_was_rung),
        ON_INBOX(a_bell_that_rings_itself_is_heard_once_a_drain),
        ON_INBOX(a_silenced_bell_is_not_heard),
        cmocka_unit_test_setup(
            a_closed_inbox_hears_bells_until_the_loop_has_gone, setup_alone),
        ON_INBOX(the_last_ring_is_heard),
        ON_INBOX(nothing_is_lost_and_each_thread_is_in_order),
        ON_INBOX(closing_amid_posts_loses_none_that_was_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
