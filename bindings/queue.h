// SPDX-License-Identifier: MIT
// Queue: what Queues and Channels (channel.c) have in common, which is all that
// their callers see.
#ifndef NEAP_BINDINGS_QUEUE_H
#define NEAP_BINDINGS_QUEUE_H

#include "bindings/neapL.h"

// The room asked for at argument 1; LUA_MAXINTEGER: no bound.
lua_Integer neapL_checkmax(lua_State *L);

// What get returns at the end: nil, "closed".
int neapL_push_closed(lua_State *L);

// What put raises then; NULL: in QueueClosed's own words.
int neapL_raise_closed(lua_State *L, const char *message);

// What get returned, for a `for`: raises at a nil, which would stop it.
int neapL_refuse_nil(lua_State *L, int results);

// Pushes `next` and the object at index 1, for a `for`.
int neapL_push_items(lua_State *L, lua_CFunction next);

#endif
