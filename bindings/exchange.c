// SPDX-License-Identifier: MIT
// Exchange: items change hands under a mutex (see exchange.h).
//
// What is called `here` is the inbox of who acts: that of a bid tells whether
// its task is of this thread.
#include "bindings/exchange.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

neapL_exchange *neapL_exchange_open(size_t max) {
    neapL_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) return NULL;
    pthread_mutex_init(&exchange->mutex, NULL);
    neap_list_init(&exchange->items);
    neap_list_init(&exchange->lines[NEAPL_GETTERS]);
    neap_list_init(&exchange->lines[NEAPL_PUTTERS]);
    exchange->max = max;
    atomic_init(&exchange->holds, 1);
    return exchange;
}

neapL_exchange *neapL_exchange_hold(neapL_exchange *exchange) {
    atomic_fetch_add(&exchange->holds, 1);
    return exchange;
}

neapL_item *neapL_item_new(neapL_parcel parcel) {
    neapL_item *item = malloc(sizeof *item);
    if (!item) return NULL;
    neap_list_init(&item->link);
    item->parcel = parcel;
    return item;
}

void neapL_item_free(neapL_item *item) {
    neapL_parcel_free(&item->parcel);
    free(item);
}

static neapL_item *take_first(neap_list *items) {
    neapL_item *item = NEAP_OWNER(items->next, neapL_item, link);
    assert(!neap_list_empty(items));
    neap_list_unlink(&item->link);
    return item;
}

static void free_items(neap_list *items) {
    while (!neap_list_empty(items)) neapL_item_free(take_first(items));
}

void neapL_exchange_release(neapL_exchange *exchange) {
    if (atomic_fetch_sub(&exchange->holds, 1) > 1) return;
    assert(neap_list_empty(&exchange->lines[NEAPL_GETTERS]));
    assert(neap_list_empty(&exchange->lines[NEAPL_PUTTERS]));
    free_items(&exchange->items);
    pthread_mutex_destroy(&exchange->mutex);
    free(exchange);
}

static void lock(neapL_exchange *exchange) {
    pthread_mutex_lock(&exchange->mutex);
}

static void hear(neap_bell *bell);

// Where the loop has gone, nobody waits any more, and we hear in its place.
static void ring(neapL_seat *seat) {
    if (neap_inbox_ring(seat->inbox, &seat->bell) < 0) hear(&seat->bell);
}

static void unlock(neapL_exchange *exchange) {
    neapL_seat *called[NEAPL_CALLED_MAX];
    int count = exchange->called_count;
    for (int i = 0; i < count; i++) called[i] = exchange->called[i];
    exchange->called_count = 0;
    pthread_mutex_unlock(&exchange->mutex);
    for (int i = 0; i < count; i++) {
        ring(called[i]);
        atomic_fetch_sub(&called[i]->callers, 1);
    }
}

// Where many bids are settled in one go: makes room for one more call. Others
// may come in between.
static void breathe(neapL_exchange *exchange) {
    if (exchange->called_count < NEAPL_CALLED_MAX) return;
    unlock(exchange);
    lock(exchange);
}

// ---- bids; under the mutex, as all up to the seats

static neapL_bid *first_bid(const neap_list *bids) {
    assert(!neap_list_empty(bids));
    return NEAP_OWNER(bids->next, neapL_bid, link);
}

// Its bell is rung when the mutex is free.
static void call(neapL_exchange *exchange, neapL_seat *seat) {
    for (int i = 0; i < exchange->called_count; i++)
        if (exchange->called[i] == seat) return;
    assert(exchange->called_count < NEAPL_CALLED_MAX);
    atomic_fetch_add(&seat->callers, 1);
    exchange->called[exchange->called_count++] = seat;
}

// Its task waits still, as far as this thread knows.
static bool waits(const neapL_bid *bid, const neap_inbox *here) {
    return bid->seat->inbox != here || !neap_list_empty(&bid->line);
}

// The first of a line that waits, or NULL. The others have left it.
static neapL_bid *find_bid(neap_list *line, const neap_inbox *here) {
    while (!neap_list_empty(line)) {
        neapL_bid *bid = first_bid(line);
        if (waits(bid, here)) return bid;
        neap_list_unlink(&bid->link);
    }
    return NULL;
}

static void settle(neapL_bid *bid, neapL_outcome outcome,
                   const neap_inbox *here) {
    assert(bid->outcome == NEAPL_OPEN);
    bid->outcome = outcome;
    neap_list_unlink(&bid->link);
    if (bid->seat->inbox == here) {
        neap_task_wake_first(&bid->line, NEAP_WAKE_READY);
        return;
    }
    neap_list_append(&bid->seat->settled, &bid->link);
    call(bid->seat->exchange, bid->seat);
}

static bool give_getter(neapL_exchange *exchange, neapL_item *item,
                        const neap_inbox *here) {
    neapL_bid *bid = find_bid(&exchange->lines[NEAPL_GETTERS], here);
    if (!bid) return false;
    bid->item = item;
    settle(bid, NEAPL_DONE, here);
    return true;
}

static neapL_item *take_from_putter(neapL_exchange *exchange,
                                    const neap_inbox *here) {
    neapL_bid *bid = find_bid(&exchange->lines[NEAPL_PUTTERS], here);
    if (!bid) return NULL;
    neapL_item *item = bid->item;
    bid->item = NULL;
    settle(bid, NEAPL_DONE, here);
    return item;
}

// ---- items

static void store(neapL_exchange *exchange, neapL_item *item) {
    neap_list_append(&exchange->items, &item->link);
    exchange->count++;
}

// An item has come out, and the first putter gets its room.
static void admit(neapL_exchange *exchange, const neap_inbox *here) {
    if (exchange->count >= exchange->max) return; // one that was given back
    neapL_item *item = take_from_putter(exchange, here);
    if (item) store(exchange, item);
}

static void give_back(neapL_exchange *exchange, neapL_item *item,
                      const neap_inbox *here) {
    if (give_getter(exchange, item, here)) return;
    neap_list_append(exchange->items.next, &item->link); // before the first
    exchange->count++;
}

static neapL_outcome put(neapL_exchange *exchange, neapL_item *item,
                         const neap_inbox *here) {
    if (exchange->closed) return NEAPL_CLOSED;
    if (give_getter(exchange, item, here)) return NEAPL_DONE;
    if (exchange->count >= exchange->max) return NEAPL_OPEN;
    store(exchange, item);
    return NEAPL_DONE;
}

static neapL_outcome get(neapL_exchange *exchange, neapL_item **item,
                         const neap_inbox *here) {
    if (exchange->count > 0) {
        *item = take_first(&exchange->items);
        exchange->count--;
        if (!neap_list_empty(&exchange->lines[NEAPL_PUTTERS]))
            admit(exchange, here);
        return NEAPL_DONE;
    }
    *item = take_from_putter(exchange, here);
    if (*item) return NEAPL_DONE;
    return exchange->closed ? NEAPL_CLOSED : NEAPL_OPEN;
}

static neapL_outcome try(neapL_exchange *exchange, neapL_side side,
                         neapL_item **item, const neap_inbox *here) {
    if (side == NEAPL_PUTTERS) return put(exchange, *item, here);
    return get(exchange, item, here);
}

// ---- what a loop hears

// The items that getters were given, in their order.
static void collect(neap_list *bids, neap_list *items) {
    for (neap_link *at = bids->next; at != bids; at = at->next) {
        neapL_bid *bid = NEAP_OWNER(at, neapL_bid, link);
        if (bid->side == NEAPL_PUTTERS || !bid->item) continue;
        neap_list_append(items, &bid->item->link);
        bid->item = NULL;
    }
}

// The task left its wait before it heard. What a putter brought has gone.
static void pass_over(neapL_bid *bid) {
    bool gone = bid->side == NEAPL_PUTTERS && bid->outcome == NEAPL_DONE;
    if (!gone) bid->outcome = NEAPL_OPEN;
}

static void wake(neapL_bid *bid, neap_list *items) {
    bool gets = bid->side == NEAPL_GETTERS && bid->outcome == NEAPL_DONE;
    if (gets) bid->item = take_first(items);
    neap_task_wake_first(&bid->line, NEAP_WAKE_READY);
}

// Wakes whose bids were settled. What was given to those who have left goes to
// the next, and so on, so that items keep their order; the last ones, back.
static void hear(neap_bell *bell) {
    neapL_seat *seat = NEAP_OWNER(bell, neapL_seat, bell);
    neap_list items;
    neap_list_init(&items);
    lock(seat->exchange);
    collect(&seat->settled, &items);
    while (!neap_list_empty(&seat->settled)) {
        neapL_bid *bid = first_bid(&seat->settled);
        neap_list_unlink(&bid->link);
        if (neap_list_empty(&bid->line)) pass_over(bid);
        else wake(bid, &items);
    }
    while (!neap_list_empty(&items)) {
        neapL_item *item = NEAP_OWNER(items.prev, neapL_item, link);
        neap_list_unlink(&item->link);
        breathe(seat->exchange);
        give_back(seat->exchange, item, seat->inbox);
    }
    unlock(seat->exchange);
}

// ---- seats

void neapL_seat_init(neapL_seat *seat, neapL_exchange *exchange,
                     neap_inbox *inbox) {
    seat->exchange = exchange;
    seat->inbox = neap_inbox_hold(inbox);
    seat->bell.heard = hear;
    neap_list_init(&seat->settled);
    neap_list_init(&seat->bids);
}

void neapL_seat_term(neapL_seat *seat) {
    assert(neap_list_empty(&seat->settled));
    while (atomic_load(&seat->callers)) sched_yield(); // a ring each
    neap_inbox_silence(seat->inbox, &seat->bell);
    neap_inbox_release(seat->inbox);
    neapL_exchange_release(seat->exchange);
}

neapL_outcome neapL_seat_try(neapL_seat *seat, neapL_side side,
                             neapL_item **item) {
    lock(seat->exchange);
    neapL_outcome outcome = try(seat->exchange, side, item, seat->inbox);
    unlock(seat->exchange);
    return outcome;
}

void neapL_seat_return(neapL_seat *seat, neapL_item *item) {
    lock(seat->exchange);
    give_back(seat->exchange, item, seat->inbox);
    unlock(seat->exchange);
}

static void close_line(neapL_exchange *exchange, neapL_side side,
                       const neap_inbox *here) {
    neapL_bid *bid;
    while ((bid = find_bid(&exchange->lines[side], here))) {
        settle(bid, NEAPL_CLOSED, here);
        breathe(exchange);
    }
}

void neapL_seat_close(neapL_seat *seat, bool drop) {
    neapL_exchange *exchange = seat->exchange;
    neap_list dropped;
    neap_list_init(&dropped);
    lock(exchange);
    exchange->closed = true;
    close_line(exchange, NEAPL_GETTERS, seat->inbox);
    close_line(exchange, NEAPL_PUTTERS, seat->inbox);
    if (drop) {
        neap_list_splice(&dropped, &exchange->items);
        exchange->count = 0;
    }
    unlock(exchange);
    free_items(&dropped);
}

// Of one's own, those that have not left.
static size_t count_bids(const neap_list *line, const neap_inbox *here) {
    size_t count = 0;
    for (neap_link *at = line->next; at != line; at = at->next) {
        const neapL_bid *bid = NEAP_OWNER(at, neapL_bid, link);
        count += waits(bid, here);
    }
    return count;
}

neapL_tally neapL_seat_tally(const neapL_seat *seat) {
    neapL_exchange *exchange = seat->exchange;
    const neap_list *lines = exchange->lines;
    lock(exchange);
    neapL_tally tally = {
        .items = exchange->count,
        .max = exchange->max,
        .waiting = {count_bids(&lines[NEAPL_GETTERS], seat->inbox),
                    count_bids(&lines[NEAPL_PUTTERS], seat->inbox)},
        .closed = exchange->closed};
    unlock(exchange);
    return tally;
}

// ---- bids, as their callers see them

void neapL_bid_init(neapL_bid *bid, neapL_seat *seat, neapL_side side) {
    bid->seat = seat;
    bid->side = side;
    bid->outcome = NEAPL_OPEN;
    bid->item = NULL;
    neap_list_init(&bid->link);
    neap_list_init(&bid->line);
}

neapL_outcome neapL_bid_make(neapL_bid *bid) {
    neapL_exchange *exchange = bid->seat->exchange;
    neapL_item *item = bid->item;
    lock(exchange);
    neapL_outcome outcome = try(exchange, bid->side, &item, bid->seat->inbox);
    if (outcome == NEAPL_OPEN)
        neap_list_append(&exchange->lines[bid->side], &bid->link);
    unlock(exchange);
    if (outcome == NEAPL_DONE)
        bid->item = bid->side == NEAPL_GETTERS ? item : NULL;
    return outcome;
}

neapL_outcome neapL_bid_withdraw(neapL_bid *bid) {
    lock(bid->seat->exchange);
    neap_list_unlink(&bid->link);
    neap_list_unlink(&bid->line); // where its call was torn from its task
    neapL_outcome outcome = bid->outcome;
    unlock(bid->seat->exchange);
    return outcome;
}

void neapL_bid_term(neapL_bid *bid) {
    neapL_bid_withdraw(bid);
    neapL_item *item = bid->item;
    bid->item = NULL;
    if (!item) return;
    if (bid->side == NEAPL_GETTERS) neapL_seat_return(bid->seat, item);
    else neapL_item_free(item);
}
