// SPDX-License-Identifier: MIT
// Block: a scope that code opens and leaves: a time-out, a shield, a group's.
//
// Its node in the tree is the runtime's own memory, never a userdata's: a
// collected coroutine must not free what others stand beneath. What Lua holds
// is a handle: the node's address, and the number of this opening. Nodes are
// used again, and freed when the runtime ends, so that a handle may ask one
// that is another block's by now.
//
// A block belongs to the coroutine that opened it and is left there, the
// innermost first. What ends without leaving has its blocks dropped.
#ifndef NEAP_BINDINGS_BLOCK_H
#define NEAP_BINDINGS_BLOCK_H

#include "bindings/task.h"
#include "core/deadline.h"

struct neapL_block {
    neap_deadline deadline;  // its scope; a shield's or group's never strikes
    uint64_t id;             // of this opening; 0: it is not open
    lua_State *co;           // which opened it
    neapL_group *group;      // whose body it covers; NULL: none's
    int64_t opened_ns;       // a time-out: when,
    int64_t until_ns;        // and its deadline
    neapL_block *next;       // in the list of all that were ever made
    neapL_block *free;       // not open: the next of those
    bool guards;             // it is around a function that neap called
    bool raised;             // whose message handler has seen an error
    int line;                // where it was opened; 0: by a function that was
    char source[LUA_IDSIZE]; // given another, and leaves it itself
};

typedef struct neapL_block_handle {
    const neapL_type *type;
    const neap_runtime *rt; // whose it is: closed, its blocks are gone
    neapL_block *block;
    uint64_t id; // of the opening that this is
    bool struck; // it was, when it was left
} neapL_block_handle;

static inline neapL_block *neapL_block_of(neap_scope *scope) {
    return NEAP_OWNER(scope, neapL_block, deadline.scope);
}

static inline neapL_task *neapL_block_task(const neapL_block *block) {
    return NEAPL_CORE_TASK(block->deadline.scope.task);
}

// Opens a block in the running task, struck after `duration_ns` (NEAP_NEVER_NS:
// never). Raises where no task runs; NULL in the clean-up of a task that is
// being ended, where nothing waits and none is needed. [-0, +0, m]
neapL_block *neapL_block_open(lua_State *L, int64_t duration_ns);

// The same; makes a handle of it (where it is NULL, one of a block that is open
// no more). `push` notes the line that calls. [-0, +1, m]
neapL_block *neapL_block_hold(lua_State *L, int64_t duration_ns,
                              const neapL_type *type);
neapL_block *neapL_block_push(lua_State *L, int64_t duration_ns,
                              const neapL_type *type);

// The block of the handle at `arg`, or NULL where it is open no more.
neapL_block *neapL_block_find(lua_State *L, int arg, const neapL_type *type);

// Raises unless the block is the running coroutine's to leave. What was opened
// inside it and is open still is dropped: true, and words about it are pushed.
bool neapL_block_tidy(lua_State *L, neapL_block *block);

// Leaves a tidy one. The error at `arg` (nil: none) becomes what it is outside:
// where it is the block's own Cancelled, and a scope around is cancelled too,
// that one's. True: it is the block's own, and nobody else's.
bool neapL_block_leave(lua_State *L, neapL_block *block, int arg);

// Closes what was never left, from the scope `inner` out to `outer`, which
// stays; groups are cancelled and left to the task.
void neapL_blocks_drop(lua_State *L, neap_scope *inner, neap_scope *outer);

// One node goes back; nothing stands beneath it. The same without Lua, whose
// registry stays as it is: there is no memory.
void neapL_block_close(lua_State *L, neapL_block *block);
void neapL_block_forsake(neap_scope *scope);

// "the time-out opened at app.lua:12"; pushed. [-0, +1, m]
const char *neapL_block_words(lua_State *L, const neapL_block *block);

// Calls the function at index 2 with the values behind it, protected, with the
// message handler put below it: `k` is called with how it ended. Index 1 is
// free to use, 2 is for the error: see neapL_block_called. As a return value.
int neapL_block_call(lua_State *L, neapL_block *block, lua_KFunction k);

// For `k`: whether it failed; then the error stands at index 2, else nil, and
// the results behind it. The block is NULL where it is open no more.
bool neapL_block_called(lua_State *L, const neapL_block *block, int status);

// Raises the error at index 2. Functions that do this with what another one
// raised are registered by neapL_addguards: its traceback stays the first.
int neapL_reraise(lua_State *L);
void neapL_addguards(lua_State *L, neap_runtime *rt, const luaL_Reg *funcs);
bool neapL_is_guard(lua_State *L, lua_Debug *ar);

// The memory of all blocks.
void neapL_blocks_term(neap_runtime *rt);

#endif
