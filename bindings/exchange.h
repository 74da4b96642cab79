// SPDX-License-Identifier: MIT
// Exchange: what the seats of one Channel share, whatever threads they are in.
//
// Items stand in their order, and who cannot go on makes a *bid* and stands in
// one of two lines: getters, of whom each will be given an item, and putters,
// of whom each has its item with it. Who puts gives his item to the first
// getter in the line, who gets takes from the first putter, and settles that
// bid: it leaves its line, and its task is woken. So first come, first served,
// over all threads, and whose an item is was decided under the mutex.
//
// A task can be woken on its own thread only. A bid of another thread goes to
// its seat's list and the seat's bell is rung there: one wake-up for all bids
// that are settled before the bell is heard, and none where nobody waits.
//
// A task may leave its wait before it hears (cancelled). Of his own seat's bids
// who settles sees that, and passes them over; another's is given back when its
// bell is heard, and its task has had nothing. Or it finds that its bid was
// settled when it comes to withdraw it, and goes on as if it had been woken.
//
// Invariant: a getter stands in the line only while there is neither an item
// nor a putter, a putter only while there is no room, and neither once it is
// closed. Items that were given back may be more than there is room for.
//
// The mutex guards all but what is said to be a thread's own. It is held for a
// few stores; no Lua runs under it. Bells are rung when it is free: who hears
// would run into it, and at a room of 1 all take 1.4 times as long.
// Memory is malloc's.
#ifndef NEAP_BINDINGS_EXCHANGE_H
#define NEAP_BINDINGS_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "bindings/parcel.h"
#include "core/inbox.h"

typedef struct neapL_item {
    neap_link link; // among the items, or alone
    neapL_parcel parcel;
} neapL_item;

typedef enum neapL_side { // what one wants: an item, or to be rid of one
    NEAPL_GETTERS,
    NEAPL_PUTTERS
} neapL_side;

typedef enum neapL_outcome {
    NEAPL_OPEN,  // not yet
    NEAPL_DONE,  // the item has changed hands
    NEAPL_CLOSED // it will not: the exchange was closed
} neapL_outcome;

typedef struct neapL_seat neapL_seat;

enum { NEAPL_CALLED_MAX = 4 }; // only an end has more to wake

typedef struct neapL_exchange {
    pthread_mutex_t mutex;
    neap_list items;    // what can be got, the oldest first
    size_t count, max;  // how many there are; room, SIZE_MAX: no bound
    neap_list lines[2]; // bids, by side
    bool closed;        // nothing comes in any more
    int called_count;   // of the next
    neapL_seat *called[NEAPL_CALLED_MAX]; // whose bells are to be rung
    atomic_size_t holds;                  // seats, and parcels on their way
} neapL_exchange;

typedef struct neapL_tally {
    size_t items, max; // that can be got; room
    size_t waiting[2]; // by side
    bool closed;
} neapL_tally;

// One Lua state's place at an exchange.
struct neapL_seat {
    neap_link kept; // among those of its runtime
    neapL_exchange *exchange;
    neap_list bids;     // all, also those that wait for nothing
    neap_inbox *inbox;  // its loop's, held
    neap_bell bell;     // some of its bids were settled
    neap_list settled;  // those
    atomic_int callers; // threads that are about to ring
};

typedef struct neapL_bid {
    neap_link kept;        // among those of its seat
    neap_link link;        // in a line, in its seat's settled, or alone
    neapL_seat *seat;      // whose
    neapL_side side;       // in which line
    neapL_outcome outcome; // how it was settled
    neapL_item *item;      // what a putter brings, what a getter was given
    neap_list line;        // its task, while that waits: its thread's own
} neapL_bid;

// Held once; NULL: no memory.
neapL_exchange *neapL_exchange_open(size_t max);

neapL_exchange *neapL_exchange_hold(neapL_exchange *exchange);
void neapL_exchange_release(neapL_exchange *exchange);

// An item around what is in the parcel. NULL: no memory.
neapL_item *neapL_item_new(neapL_parcel parcel);
void neapL_item_free(neapL_item *item);

// A seat, zeroed, takes over a hold of the exchange, and holds the inbox. It
// goes when its bids have gone.
void neapL_seat_init(neapL_seat *seat, neapL_exchange *exchange,
                     neap_inbox *inbox);
void neapL_seat_term(neapL_seat *seat);

// Puts *item in, or takes one out into *item, where nobody has to wait for it.
// DONE; else nothing has happened.
neapL_outcome neapL_seat_try(neapL_seat *seat, neapL_side side,
                             neapL_item **item);

// An item that was got goes back, to be the next one that is got.
void neapL_seat_return(neapL_seat *seat, neapL_item *item);

// Nothing comes in any more; with `drop` nothing comes out, either.
void neapL_seat_close(neapL_seat *seat, bool drop);

// How it stands, over all threads.
neapL_tally neapL_seat_tally(const neapL_seat *seat);

void neapL_bid_init(neapL_bid *bid, neapL_seat *seat, neapL_side side);

// The same as neapL_seat_try, with the bid's item. OPEN: it joined the line,
// where others may settle it from now on; and the task must begin to wait in
// bid->line before its thread does anything else.
neapL_outcome neapL_bid_make(neapL_bid *bid);

// The wait is over: leaves the line. The outcome and the item are the caller's
// from here on.
neapL_outcome neapL_bid_withdraw(neapL_bid *bid);

// Its call will not go on. What a putter brought is freed, what a getter was
// given goes back.
void neapL_bid_term(neapL_bid *bid);

#endif
