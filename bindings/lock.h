// SPDX-License-Identifier: MIT
// Lock, as a Condition uses it: what is taken and given in lock.c.
//
// The holder is kept by its number: no reference keeps a task alive, and no
// address is taken for that of another one. Its name is looked for when
// somebody asks.
#ifndef NEAP_BINDINGS_LOCK_H
#define NEAP_BINDINGS_LOCK_H

#include "bindings/task.h"

typedef struct neapL_lock {
    const neapL_type *type; // &neapL_lock_type
    uint64_t holder;        // the id of the task that holds it; 0: nobody
    neap_list line;         // who waits for it
} neapL_lock;

extern const neapL_type neapL_lock_type;

// A new Lock that nobody holds. [-0, +1, m]
neapL_lock *neapL_lock_new(lua_State *L);

// The running task takes it, unless somebody holds it.
bool neapL_lock_take(lua_State *L, neapL_lock *lock);

// It is handed to who waits first; or nobody holds it.
void neapL_lock_pass(neapL_lock *lock);

// Raises unless the running task holds it: "cannot <do> ...".
void neapL_lock_checkheld(lua_State *L, const neapL_lock *lock,
                          const char *doing);

// The methods; the Lock is the first argument.
int neapL_lock_acquire(lua_State *L);
int neapL_lock_release(lua_State *L);
int neapL_lock_locked(lua_State *L);
int neapL_lock_with(lua_State *L);

// The value at index 1 was acquired: calls the function at index 2 with what is
// above it, and closes that value, however the call ends. As a return value
// only.
int neapL_call_within(lua_State *L);

#endif
