// SPDX-License-Identifier: MIT
// Channel: a Queue between threads (see exchange.h, which has its rules).
//
// A userdata is one state's seat at the exchange behind it. A state has one
// seat at each: a Channel that was sent away and comes back is the same value.
//
// Lua may drop a finalizer, where there is no memory to call it, while other
// threads know the seat and its bids still. So these are the runtime's memory,
// and stay then until it ends: what Lua holds is a handle of each.
//
// A value is copied into an item when it is put, and out of it when it is got.
// Copying may raise, so nothing is held meanwhile that only we know of: a bid
// is a userdata, whose finalizer withdraws it. An item for whose copy there is
// no memory goes back, to be the next that anybody gets; one that cannot be
// made here at all is used up by the error, or it would stop every getter.
//
// A wait here is one for the world outside: another thread may end it. So no
// deadlock is seen where all that knew the Channel have gone.
#include <assert.h>
#include <stdint.h>

#include "bindings/exchange.h"
#include "bindings/queue.h"
#include "bindings/task.h"

enum { // places on the stack of every call that may wait
    CHANNEL = 1,
    VALUE = 2, // that is put; then
    BID = 2    // what waits
};

enum { SPARE = 1 }; // user value of a Channel: a bid to be used again, or nil

typedef struct neapL_channel {
    const neapL_type *type; // &channel_type
    neap_runtime *rt;       // whose the seat is
    neapL_seat *seat;       // NULL: it was collected, or never made
} neapL_channel;

typedef struct neapL_wait {
    const neapL_type *type; // &wait_type
    neap_runtime *rt;       // whose the bid is
    neapL_bid *bid;         // of its user value's seat; NULL: as above
} neapL_wait;

static const neapL_type channel_type, wait_type;

static const char seats_key = 's'; // registry: exchange -> Channel, weak

static int raise_gone(lua_State *L) {
    return luaL_error(L, "the channel is gone: its runtime has been closed");
}

// Its memory goes with the runtime at the latest.
static bool has_seat(const neapL_channel *channel) {
    return channel->seat && channel->rt->root;
}

static neapL_channel *check_channel(lua_State *L) {
    neapL_channel *channel = neapL_check(L, CHANNEL, &channel_type);
    if (!has_seat(channel)) raise_gone(L);
    return channel;
}

// A wait is over, or what came before it. The state may be being closed since.
static void resume(lua_State *L, int status, const neapL_channel *channel) {
    neapL_woken(L, status);
    if (!has_seat(channel)) raise_gone(L);
}

// ---- items

// An item with a copy of the value at VALUE. Raises where it cannot cross.
static neapL_item *copy_in(lua_State *L) {
    neapL_parcel parcel;
    lua_pushvalue(L, VALUE);
    neapL_parcel_pack(L, 1, "cannot put", &parcel);
    neapL_item *item = neapL_item_new(parcel);
    if (item) return item;
    neapL_parcel_free(&parcel);
    luaL_error(L, "not enough memory");
    return NULL;
}

// Protected.
static int unpack(lua_State *L) {
    const neapL_item *item = lua_touserdata(L, 1);
    return neapL_parcel_unpack(L, &item->parcel);
}

static void copy_packed(lua_State *L, neapL_channel *channel,
                        neapL_item *item) {
    lua_pushcfunction(L, unpack);
    lua_pushlightuserdata(L, item);
    int status = lua_pcall(L, 1, 1, 0);
    if (status == LUA_OK) return;
    if (status == LUA_ERRMEM) neapL_seat_return(channel->seat, item);
    else neapL_item_free(item);
    lua_error(L);
}

// Pushes what is in the item, which goes.
static int copy_out(lua_State *L, neapL_channel *channel, neapL_item *item) {
    if (item->parcel.kind == NEAPL_PACKED) copy_packed(L, channel, item);
    else neapL_parcel_unpack(L, &item->parcel);
    neapL_item_free(item);
    return 1;
}

// ---- bids

static bool has_bid(const neapL_wait *wait) {
    return wait->bid && wait->rt->root;
}

static void free_bid(neap_runtime *rt, neapL_bid *bid) {
    neapL_bid_term(bid);
    neap_list_unlink(&bid->kept);
    neap_alloc_free(&rt->alloc, bid, sizeof *bid);
}

static int wait_gc(lua_State *L) {
    neapL_wait *wait = lua_touserdata(L, 1);
    if (has_bid(wait) && !neap_list_empty(&wait->bid->line))
        neapL_close_with_state(wait->rt);
    if (has_bid(wait)) free_bid(wait->rt, wait->bid);
    wait->bid = NULL;
    return 0;
}

// Pushes a wait, for the Channel at CHANNEL, whose seat its bid knows.
static void push_wait(lua_State *L, const neapL_channel *channel) {
    neapL_wait *wait = neapL_new(L, &wait_type, 1);
    lua_pushvalue(L, CHANNEL);
    lua_setiuservalue(L, -2, 1);
    wait->rt = channel->rt;
    wait->bid = neap_alloc_new(&wait->rt->alloc, sizeof *wait->bid);
    if (!wait->bid) luaL_error(L, "not enough memory");
    neapL_bid_init(wait->bid, channel->seat, NEAPL_GETTERS);
    neap_list_append(&channel->seat->bids, &wait->bid->kept);
}

// Pushes a bid of the Channel at CHANNEL.
static neapL_bid *push_bid(lua_State *L, neapL_channel *channel,
                           neapL_side side) {
    bool spare = lua_getiuservalue(L, CHANNEL, SPARE) != LUA_TNIL;
    if (spare && has_bid(lua_touserdata(L, -1))) { // or it was finalized
        lua_pushnil(L);
        lua_setiuservalue(L, CHANNEL, SPARE);
    } else {
        lua_pop(L, 1);
        push_wait(L, channel);
    }
    const neapL_wait *wait = lua_touserdata(L, -1);
    neapL_bid_init(wait->bid, channel->seat, side);
    return wait->bid;
}

// Begins to wait for what becomes of the bid at BID.
static int wait_for(lua_State *L, neapL_task *task, neapL_channel *channel,
                    lua_KFunction k) {
    const neapL_wait *wait = lua_touserdata(L, BID);
    neap_task_wait_outside(&task->core, &wait->bid->line);
    return neapL_suspend(L, (lua_KContext)channel, k);
}

static void keep_bid(lua_State *L) {
    lua_pushvalue(L, BID);
    lua_setiuservalue(L, CHANNEL, SPARE);
}

// What became of it: *item is what it leaves behind. Raises, with nothing put
// or got, if the task was cancelled first.
static neapL_outcome end_wait(lua_State *L, int status, neapL_item **item) {
    const neapL_wait *wait = lua_touserdata(L, BID);
    if (!has_bid(wait)) neapL_woken(L, status), raise_gone(L);
    neapL_bid *bid = wait->bid;
    neapL_outcome outcome = neapL_bid_withdraw(bid);
    if (outcome == NEAPL_OPEN) {
        neapL_bid_term(bid);
        keep_bid(L);
        neapL_woken(L, status);
    }
    assert(outcome != NEAPL_OPEN); // nobody wakes it for nothing
    neapL_wake_of(L, status);
    *item = bid->item;
    bid->item = NULL;
    keep_bid(L);
    return outcome;
}

// ---- put; ctx is the channel

static int raise_closed(lua_State *L) {
    return neapL_raise_closed(L, "channel is closed");
}

// The item did not go in, nor will it.
static int refuse_item(lua_State *L, neapL_item *item) {
    neapL_item_free(item);
    return raise_closed(L);
}

static int entered_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_item *item;
    (void)ctx;
    if (end_wait(L, status, &item) == NEAPL_CLOSED) return refuse_item(L, item);
    return 0;
}

// The value is copied once more, now that there is a bid to hold the copy.
static int wait_to_put(lua_State *L, neapL_channel *channel) {
    neapL_task *task = neapL_waiting(L, NEAPL_CHANNEL_PUT);
    neapL_bid *bid = push_bid(L, channel, NEAPL_PUTTERS);
    bid->item = copy_in(L);
    lua_replace(L, BID);
    neapL_outcome outcome = neapL_bid_make(bid);
    if (outcome == NEAPL_DONE) return 0;
    if (outcome == NEAPL_CLOSED) return raise_closed(L);
    return wait_for(L, task, channel, entered_k);
}

// The value at VALUE goes in, if nobody has to wait for that.
static bool put_value(lua_State *L, neapL_channel *channel) {
    neapL_item *item = copy_in(L);
    neapL_outcome outcome = neapL_seat_try(channel->seat, NEAPL_PUTTERS, &item);
    if (outcome == NEAPL_CLOSED) return refuse_item(L, item);
    if (outcome == NEAPL_OPEN) neapL_item_free(item);
    return outcome == NEAPL_DONE;
}

static int put_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_channel *channel = (neapL_channel *)ctx;
    resume(L, status, channel);
    if (put_value(L, channel)) return 0;
    return wait_to_put(L, channel);
}

// The arguments of put: a channel and any value.
static neapL_channel *check_put(lua_State *L) {
    neapL_channel *channel = check_channel(L);
    luaL_checkany(L, VALUE);
    if (lua_gettop(L) != VALUE) lua_settop(L, VALUE);
    return channel;
}

// channel:put(value): waits for room.
static int channel_put(lua_State *L) {
    return neapL_begin(L, (lua_KContext)check_put(L), put_k);
}

// channel:try_put(value) -> whether there was room
static int channel_try_put(lua_State *L) {
    lua_pushboolean(L, put_value(L, check_put(L)));
    return 1;
}

// ---- get; ctx is the channel

static int arrived_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_item *item;
    if (end_wait(L, status, &item) == NEAPL_CLOSED) return neapL_push_closed(L);
    return copy_out(L, (neapL_channel *)ctx, item);
}

// What the bid at BID was given at once.
static int take_bid(lua_State *L, neapL_channel *channel, neapL_bid *bid) {
    neapL_item *item = bid->item;
    bid->item = NULL;
    return copy_out(L, channel, item);
}

// Gets an item, or waits for it and goes on with k.
static int get_or_wait(lua_State *L, neapL_channel *channel, lua_KFunction k) {
    neapL_item *item;
    neapL_outcome outcome = neapL_seat_try(channel->seat, NEAPL_GETTERS, &item);
    if (outcome == NEAPL_DONE) return copy_out(L, channel, item);
    if (outcome == NEAPL_CLOSED) return neapL_push_closed(L);
    neapL_task *task = neapL_waiting(L, NEAPL_CHANNEL_GET);
    neapL_bid *bid = push_bid(L, channel, NEAPL_GETTERS);
    outcome = neapL_bid_make(bid);
    if (outcome == NEAPL_DONE) return take_bid(L, channel, bid);
    if (outcome == NEAPL_CLOSED) return neapL_push_closed(L);
    return wait_for(L, task, channel, k);
}

static int get_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_channel *channel = (neapL_channel *)ctx;
    resume(L, status, channel);
    return get_or_wait(L, channel, arrived_k);
}

// The arguments of get: a channel and no more.
static neapL_channel *check_get(lua_State *L) {
    neapL_channel *channel = check_channel(L);
    if (lua_gettop(L) != CHANNEL) lua_settop(L, CHANNEL);
    return channel;
}

// channel:get() -> value | nil, "closed"
static int channel_get(lua_State *L) {
    return neapL_begin(L, (lua_KContext)check_get(L), get_k);
}

// channel:try_get() -> true, value | false | nil, "closed"
static int channel_try_get(lua_State *L) {
    neapL_channel *channel = check_get(L);
    neapL_item *item;
    neapL_outcome outcome = neapL_seat_try(channel->seat, NEAPL_GETTERS, &item);
    if (outcome == NEAPL_CLOSED) return neapL_push_closed(L);
    lua_pushboolean(L, outcome == NEAPL_DONE);
    return outcome == NEAPL_DONE ? 1 + copy_out(L, channel, item) : 1;
}

// ---- items

static int came_k(lua_State *L, int status, lua_KContext ctx) {
    return neapL_refuse_nil(L, arrived_k(L, status, ctx));
}

static int next_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_channel *channel = (neapL_channel *)ctx;
    resume(L, status, channel);
    return neapL_refuse_nil(L, get_or_wait(L, channel, came_k));
}

static int next_item(lua_State *L) {
    return neapL_begin(L, (lua_KContext)check_get(L), next_k);
}

// for value in channel:items() do: until it is closed and drained
static int channel_items(lua_State *L) {
    check_channel(L);
    return neapL_push_items(L, next_item);
}

// ---- the rest

// channel:close([drop]): nothing comes in any more; drop: nothing comes out.
static int channel_close(lua_State *L) {
    neapL_seat_close(check_channel(L)->seat, lua_toboolean(L, 2));
    return 0;
}

// channel:len() -> items that can be got
static int channel_len(lua_State *L) {
    neapL_tally tally = neapL_seat_tally(check_channel(L)->seat);
    lua_pushinteger(L, (lua_Integer)tally.items);
    return 1;
}

// "<Channel 3/100 items, 2 getters waiting, closed>"
static int channel_tostring(lua_State *L) {
    neapL_channel *channel = neapL_check(L, CHANNEL, &channel_type);
    if (!has_seat(channel)) return lua_pushliteral(L, "<Channel gone>"), 1;
    neapL_tally tally = neapL_seat_tally(channel->seat);
    lua_pushfstring(L, "<Channel %I", (LUAI_UACINT)tally.items);
    if (tally.max < SIZE_MAX) lua_pushfstring(L, "/%I", (LUAI_UACINT)tally.max);
    else lua_pushliteral(L, "");
    lua_pushliteral(L, " items");
    lua_concat(L, 3);
    neapL_add_waiting(L, (lua_Integer)tally.waiting[NEAPL_GETTERS], "getter");
    neapL_add_waiting(L, (lua_Integer)tally.waiting[NEAPL_PUTTERS], "putter");
    lua_pushstring(L, tally.closed ? ", closed>" : ">");
    lua_concat(L, 2);
    return 1;
}

static void free_seat(neap_runtime *rt, neapL_seat *seat) {
    while (!neap_list_empty(&seat->bids))
        free_bid(rt, NEAP_OWNER(seat->bids.next, neapL_bid, kept));
    neapL_seat_term(seat);
    neap_list_unlink(&seat->kept);
    neap_alloc_free(&rt->alloc, seat, sizeof *seat);
}

static void drop_spare(lua_State *L) {
    lua_getiuservalue(L, CHANNEL, SPARE);
    neapL_wait *spare = lua_touserdata(L, -1);
    if (spare && has_bid(spare)) free_bid(spare->rt, spare->bid);
    if (spare) spare->bid = NULL;
}

// With bids left it is in use again, or they lost their handles: it stays then.
static int channel_gc(lua_State *L) {
    neapL_channel *channel = lua_touserdata(L, CHANNEL);
    if (!has_seat(channel)) return 0;
    drop_spare(L);
    if (!neap_list_empty(&channel->seat->bids)) return 0;
    free_seat(channel->rt, channel->seat);
    channel->seat = NULL;
    return 0;
}

void neapL_channels_term(neap_runtime *rt) {
    while (!neap_list_empty(&rt->seats))
        free_seat(rt, NEAP_OWNER(rt->seats.next, neapL_seat, kept));
}

// ---- seats

// Pushes a Channel that has no seat yet.
static neapL_channel *push_blank(lua_State *L, neap_runtime *rt) {
    if (rt->closing) luaL_error(L, "the runtime is closing");
    neapL_channel *channel = neapL_new(L, &channel_type, 1);
    channel->rt = rt;
    return channel;
}

// The Channel on top gets a seat at the exchange, whose hold it takes over.
static void sit_down(lua_State *L, neapL_exchange *exchange) {
    neapL_channel *channel = lua_touserdata(L, -1);
    neap_runtime *rt = channel->rt;
    neapL_seat *seat = neap_alloc_new(&rt->alloc, sizeof *seat);
    if (!seat) {
        neapL_exchange_release(exchange);
        luaL_error(L, "not enough memory");
    }
    neapL_seat_init(seat, exchange, rt->loop.inbox);
    neap_list_append(&rt->seats, &seat->kept);
    channel->seat = seat;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &seats_key);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, exchange);
    lua_pop(L, 1);
}

// neap.Channel([max]): as neap.Queue, but for several threads.
static int channel_new(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    lua_Integer max = neapL_checkmax(L);
    push_blank(L, rt);
    neapL_exchange *exchange =
        neapL_exchange_open(max < LUA_MAXINTEGER ? (size_t)max : SIZE_MAX);
    if (!exchange) return luaL_error(L, "not enough memory");
    sit_down(L, exchange);
    return 1;
}

static void *hold(lua_State *L, void *userdata) {
    const neapL_channel *channel = userdata;
    if (!has_seat(channel)) raise_gone(L);
    return neapL_exchange_hold(channel->seat->exchange);
}

static void release(void *exchange) { neapL_exchange_release(exchange); }

// Pushes this state's Channel for an exchange.
static void push(lua_State *L, void *exchange) {
    neap_runtime *rt = neapL_find(L);
    if (!rt) rt = neap_attach(L, NULL);
    if (!rt) luaL_error(L, "neap: not enough memory or descriptors");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &seats_key);
    if (lua_rawgetp(L, -1, exchange) == LUA_TNIL) {
        lua_pop(L, 1);
        push_blank(L, rt);
        sit_down(L, neapL_exchange_hold(exchange));
    }
    lua_remove(L, -2);
}

static const luaL_Reg channel_methods[] = {
    {"put", channel_put},     {"try_put", channel_try_put},
    {"get", channel_get},     {"try_get", channel_try_get},
    {"items", channel_items}, {"close", channel_close},
    {"len", channel_len},     {NULL, NULL},
};

static const luaL_Reg channel_meta[] = {
    {"__len", channel_len},
    {"__tostring", channel_tostring},
    {"__gc", channel_gc},
    {NULL, NULL},
};

static const luaL_Reg wait_meta[] = {{"__gc", wait_gc}, {NULL, NULL}};

static const neapL_type channel_type = {"neap.Channel", sizeof(neapL_channel),
                                        channel_methods, channel_meta};

static const neapL_type wait_type = {"neap.Channel.wait", sizeof(neapL_wait),
                                     NULL, wait_meta};

const neapL_sharing neapL_channel_sharing = {&channel_type, hold, release,
                                             push};

static const luaL_Reg functions[] = {{"Channel", channel_new}, {NULL, NULL}};

void neapL_open_channel(lua_State *L, neap_runtime *rt) {
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &seats_key);
    neapL_newtype(L, rt, &channel_type);
    neapL_newtype(L, rt, &wait_type);
    neapL_share(L, &neapL_channel_sharing);
    neapL_addfuncs(L, rt, functions);
}
