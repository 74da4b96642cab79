// SPDX-License-Identifier: MIT
// Queue: values from task to task, first waiter first.
//
// Who finds neither item nor room stands in a line. Items pass between two
// tasks directly: a waiting putter's item stays on its own stack until a get
// copies it, and a put writes its item onto the waiting getter's stack, at the
// place where that will look for it, and beneath the sentinel, which has to
// stay on top. So nobody barges past, waiting allocates nothing, and who leaves
// its line early (cancelled) takes its claim with it. What a task was woken
// with is its own, whatever happens before it runs.
//
// Invariant: a getter waits only while there is neither an item nor a putter,
// a putter only while the queue is full, and neither once it is closed.
//
// The order of the items is known to store and take_stored alone: the oldest
// comes out first, or the newest (LifoQueue), or the least (PriorityQueue). In
// a PriorityQueue the priority of an item stands behind it on the stack.
#include "bindings/queue.h"

#include <assert.h>
#include <math.h>

#include "bindings/priority.h"
#include "bindings/ring.h"
#include "bindings/task.h"

enum { // places on the stack of every call that may wait
    QUEUE = 1,
    ITEM = 2,
    PRIORITY = 3 // of the item; a PriorityQueue's
};

typedef enum neapL_order { // which of the items comes out first
    OLDEST,
    NEWEST,
    LEAST
} neapL_order;

typedef struct neapL_queue {
    const neapL_type *type; // &queue_type
    neapL_ring ring;        // the items, in order of arrival; or
    neapL_priority heap;    // the items by priority (LEAST)
    neapL_order order;      // which of them comes out first
    lua_Integer max;        // room for items; LUA_MAXINTEGER: no bound
    lua_Integer unfinished; // items put and not yet task_done
    neap_list getters;      // who waits for an item
    neap_list putters;      // who waits for room
    neap_list joiners;      // who waits for unfinished to become 0
    bool closed;            // nothing comes in any more
} neapL_queue;

static const neapL_type queue_type;

static neapL_queue *check_queue(lua_State *L) {
    return neapL_check(L, QUEUE, &queue_type);
}

// ---- items

static lua_Integer length(const neapL_queue *queue) {
    return (lua_Integer)(queue->ring.count + queue->heap.count);
}

// Stores the item at index `item`. [-0, +1, m]
static void store(lua_State *L, neapL_queue *queue, int item) {
    if (queue->order == LEAST)
        neapL_priority_push(L, QUEUE, &queue->heap, item);
    else neapL_ring_push(L, QUEUE, &queue->ring, item);
}

// The next of the stored items, on top. [-0, +2, -]
static void take_stored(lua_State *L, neapL_queue *queue) {
    if (queue->order == OLDEST) neapL_ring_pop(L, QUEUE, &queue->ring);
    else if (queue->order == NEWEST)
        neapL_ring_pop_newest(L, QUEUE, &queue->ring);
    else neapL_priority_pop(L, QUEUE, &queue->heap);
}

// Gives the item at ITEM to the getter that waits first.
static void hand_over(lua_State *L, neapL_queue *queue) {
    lua_State *getter = neapL_first_of(&queue->getters);
    lua_pushvalue(L, ITEM);
    lua_xmove(L, getter, 1);
    lua_replace(getter, ITEM);
    neap_task_wake_first(&queue->getters, NEAP_WAKE_READY);
}

// Copies what stands at a place of the putter that waits first. [-0, +1, -]
static void copy_from_putter(lua_State *L, neapL_queue *queue, int place) {
    lua_State *putter = neapL_first_of(&queue->putters);
    lua_pushvalue(putter, place);
    lua_xmove(putter, L, 1);
}

// Takes the item of the putter that waits first, which is then done.
static void take_over(lua_State *L, neapL_queue *queue) {
    copy_from_putter(L, queue, ITEM);
    neap_task_wake_first(&queue->putters, NEAP_WAKE_READY);
    queue->unfinished++;
}

// The item at ITEM goes in; false: there is no room.
static bool put_item(lua_State *L, neapL_queue *queue) {
    if (!neap_list_empty(&queue->getters)) {
        hand_over(L, queue);
    } else if (length(queue) < queue->max) {
        store(L, queue, ITEM);
    } else {
        return false;
    }
    queue->unfinished++;
    return true;
}

// The putter that waits first gets the room that was made.
static void admit(lua_State *L, neapL_queue *queue) {
    int taken = lua_gettop(L), item = taken + 1;
    if (queue->order == LEAST) {
        copy_from_putter(L, queue, PRIORITY);
        take_over(L, queue);
        lua_insert(L, item);
    } else take_over(L, queue);
    store(L, queue, item); // there is a slot: allocates nothing
    lua_pushvalue(L, taken);
}

// The next item comes on top; false: there is none.
static bool take_item(lua_State *L, neapL_queue *queue) {
    if (length(queue) > 0) {
        take_stored(L, queue);
        if (!neap_list_empty(&queue->putters)) admit(L, queue);
    } else {
        if (neap_list_empty(&queue->putters)) return false;
        take_over(L, queue);
    }
    return true;
}

int neapL_push_closed(lua_State *L) {
    lua_pushnil(L);
    lua_pushliteral(L, "closed");
    return 2;
}

int neapL_raise_closed(lua_State *L, const char *message) {
    neapL_pusherror(L, &neapL_queue_closed, message);
    return lua_error(L);
}

// ---- put; ctx is the queue

static int entered_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    if (neapL_woken(L, status) == NEAP_WAKE_CLOSED)
        return neapL_raise_closed(L, NULL);
    return 0;
}

static int put_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_queue *queue = (neapL_queue *)ctx;
    neapL_woken(L, status);
    if (queue->closed) return neapL_raise_closed(L, NULL);
    if (put_item(L, queue)) return 0;
    neapL_task *task = neapL_waiting(L, NEAPL_PUT);
    neap_task_wait(&task->core, &queue->putters);
    return neapL_suspend(L, ctx, entered_k);
}

// The priority of an item; by default the item itself.
static void check_priority(lua_State *L) {
    bool own = lua_gettop(L) == ITEM;
    lua_settop(L, PRIORITY);
    if (own) lua_copy(L, ITEM, PRIORITY);
    int kind = lua_type(L, PRIORITY);
    bool nan = kind == LUA_TNUMBER && !lua_rawequal(L, PRIORITY, PRIORITY);
    if ((kind == LUA_TNUMBER && !nan) || kind == LUA_TSTRING) return;
    const char *got = nan ? "nan" : luaL_typename(L, PRIORITY);
    if (own)
        got = lua_pushfstring(L, "none, and the value, a %s, is no priority",
                              got);
    luaL_argerror(L, PRIORITY,
                  lua_pushfstring(L,
                                  "a priority (number or string) expected, "
                                  "got %s",
                                  got));
}

// The arguments of put: a queue, any value, and perhaps its priority.
static neapL_queue *check_put(lua_State *L) {
    neapL_queue *queue = check_queue(L);
    if (lua_gettop(L) == ITEM && queue->order != LEAST) return queue;
    luaL_checkany(L, ITEM);
    if (queue->order == LEAST) check_priority(L);
    else lua_settop(L, ITEM);
    return queue;
}

// queue:put(value [, priority]): waits for room.
static int queue_put(lua_State *L) {
    return neapL_begin(L, (lua_KContext)check_put(L), put_k);
}

// queue:try_put(value [, priority]) -> whether there was room
static int queue_try_put(lua_State *L) {
    neapL_queue *queue = check_put(L);
    if (queue->closed) return neapL_raise_closed(L, NULL);
    lua_pushboolean(L, put_item(L, queue));
    return 1;
}

// ---- get; ctx is the queue

// Gets an item, or waits for it and goes on with k.
static int take_or_wait(lua_State *L, neapL_queue *queue, lua_KFunction k) {
    if (take_item(L, queue)) return 1;
    if (queue->closed) return neapL_push_closed(L);
    neapL_task *task = neapL_waiting(L, NEAPL_GET);
    lua_pushnil(L); // ITEM: where hand_over will write
    neap_task_wait(&task->core, &queue->getters);
    return neapL_suspend(L, (lua_KContext)queue, k);
}

static int arrived_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    if (neapL_woken(L, status) == NEAP_WAKE_CLOSED) return neapL_push_closed(L);
    assert(lua_gettop(L) == ITEM);
    return 1;
}

static int get_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_woken(L, status);
    return take_or_wait(L, (neapL_queue *)ctx, arrived_k);
}

// The arguments of get: a queue and no more.
static neapL_queue *check_get(lua_State *L) {
    neapL_queue *queue = check_queue(L);
    if (lua_gettop(L) != QUEUE) lua_settop(L, QUEUE);
    return queue;
}

// queue:get() -> value | nil, "closed"
static int queue_get(lua_State *L) {
    return neapL_begin(L, (lua_KContext)check_get(L), get_k);
}

// queue:try_get() -> true, value | false | nil, "closed"
static int queue_try_get(lua_State *L) {
    neapL_queue *queue = check_get(L);
    if (take_item(L, queue)) {
        lua_pushboolean(L, 1);
        lua_insert(L, -2);
        return 2;
    }
    if (queue->closed) return neapL_push_closed(L);
    lua_pushboolean(L, 0);
    return 1;
}

// ---- items: get, but a `for` would stop at nil

int neapL_refuse_nil(lua_State *L, int results) {
    if (results == 1 && lua_isnil(L, -1))
        return luaL_error(L, "items() came upon a nil item, at which a 'for' "
                             "would stop: use get()");
    return results;
}

static int came_k(lua_State *L, int status, lua_KContext ctx) {
    return neapL_refuse_nil(L, arrived_k(L, status, ctx));
}

static int next_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_woken(L, status);
    return neapL_refuse_nil(L, take_or_wait(L, (neapL_queue *)ctx, came_k));
}

static int next_item(lua_State *L) {
    return neapL_begin(L, (lua_KContext)check_get(L), next_k);
}

int neapL_push_items(lua_State *L, lua_CFunction next) {
    lua_pushlightuserdata(L, neapL_rt(L));
    lua_pushcclosure(L, next, 1);
    lua_pushvalue(L, QUEUE);
    return 2;
}

// for value in queue:items() do: until it is closed and drained
static int queue_items(lua_State *L) {
    check_queue(L);
    return neapL_push_items(L, next_item);
}

// ---- join

static int joined_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status);
    return 0;
}

static int join_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_queue *queue = (neapL_queue *)ctx;
    neapL_woken(L, status);
    if (queue->unfinished == 0) return 0;
    neapL_task *task = neapL_waiting(L, NEAPL_JOIN);
    neap_task_wait(&task->core, &queue->joiners);
    return neapL_suspend(L, ctx, joined_k);
}

// queue:join(): waits until every item put was task_done.
static int queue_join(lua_State *L) {
    return neapL_begin(L, (lua_KContext)check_get(L), join_k);
}

// queue:task_done(): an item that was got has been dealt with.
static int queue_task_done(lua_State *L) {
    neapL_queue *queue = check_queue(L);
    if (queue->unfinished == 0)
        return luaL_error(L, "task_done called too often: "
                             "no item of this queue is unfinished");
    if (--queue->unfinished == 0)
        neap_task_wake_all(&queue->joiners, NEAP_WAKE_READY);
    return 0;
}

// ---- the rest

// queue:close([drop]): nothing comes in any more; drop: nothing comes out.
static int queue_close(lua_State *L) {
    neapL_queue *queue = check_queue(L);
    queue->closed = true;
    neap_task_wake_all(&queue->getters, NEAP_WAKE_CLOSED);
    neap_task_wake_all(&queue->putters, NEAP_WAKE_CLOSED);
    if (!lua_toboolean(L, 2)) return 0;
    neapL_ring_clear(L, QUEUE, &queue->ring);
    queue->heap = (neapL_priority){0};
    queue->unfinished = 0;
    neap_task_wake_all(&queue->joiners, NEAP_WAKE_READY);
    return 0;
}

// queue:len() -> items that can be got
static int queue_len(lua_State *L) {
    lua_pushinteger(L, length(check_queue(L)));
    return 1;
}

// "<Queue 3/100 items, 2 joiners waiting, closed>"
static int queue_tostring(lua_State *L) {
    static const char *const names[] = {"Queue", "LifoQueue", "PriorityQueue"};
    neapL_queue *queue = check_queue(L);
    lua_pushfstring(L, "<%s %I", names[queue->order],
                    (LUAI_UACINT)length(queue));
    if (queue->max < LUA_MAXINTEGER)
        lua_pushfstring(L, "/%I", (LUAI_UACINT)queue->max);
    else lua_pushliteral(L, "");
    lua_pushliteral(L, " items");
    lua_concat(L, 3);
    neapL_add_line(L, &queue->getters, "getter");
    neapL_add_line(L, &queue->putters, "putter");
    neapL_add_line(L, &queue->joiners, "joiner");
    lua_pushstring(L, queue->closed ? ", closed>" : ">");
    lua_concat(L, 2);
    return 1;
}

lua_Integer neapL_checkmax(lua_State *L) {
    if (lua_isnoneornil(L, 1)) return LUA_MAXINTEGER;
    if (luaL_checknumber(L, 1) >= (lua_Number)HUGE_VAL) return LUA_MAXINTEGER;
    int exact;
    lua_Integer max = lua_tointegerx(L, 1, &exact);
    if (exact && max >= 0) return max;
    const char *words = lua_pushfstring(
        L, "a non-negative integer or math.huge expected, got %s",
        luaL_tolstring(L, 1, NULL));
    return luaL_argerror(L, 1, words);
}

static int new_queue(lua_State *L, neapL_order order) {
    lua_Integer max = neapL_checkmax(L);
    neapL_queue *queue = neapL_new(L, &queue_type, 1);
    queue->max = max;
    queue->order = order;
    neap_list_init(&queue->getters);
    neap_list_init(&queue->putters);
    neap_list_init(&queue->joiners);
    return 1;
}

// neap.Queue([max]): 0 is a rendezvous, nil and math.huge set no bound.
static int queue_new(lua_State *L) { return new_queue(L, OLDEST); }

// neap.LifoQueue([max]): what was put last comes out first.
static int queue_new_lifo(lua_State *L) { return new_queue(L, NEWEST); }

// neap.PriorityQueue([max]): the least comes out first, of equals the oldest.
static int queue_new_priority(lua_State *L) { return new_queue(L, LEAST); }

static const luaL_Reg queue_methods[] = {
    {"put", queue_put},
    {"try_put", queue_try_put},
    {"get", queue_get},
    {"try_get", queue_try_get},
    {"items", queue_items},
    {"join", queue_join},
    {"task_done", queue_task_done},
    {"close", queue_close},
    {"len", queue_len},
    {NULL, NULL},
};

static const luaL_Reg queue_meta[] = {
    {"__len", queue_len},
    {"__tostring", queue_tostring},
    {NULL, NULL},
};

static const neapL_type queue_type = {"neap.Queue", sizeof(neapL_queue),
                                      queue_methods, queue_meta};

static const luaL_Reg queue_funcs[] = {
    {"Queue", queue_new},
    {"LifoQueue", queue_new_lifo},
    {"PriorityQueue", queue_new_priority},
    {NULL, NULL},
};

void neapL_open_queue(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &queue_type);
    neapL_addfuncs(L, rt, queue_funcs);
}
