// SPDX-License-Identifier: MIT
// Remote: a call that another thread's loop makes, and what stands for it here.
//
// The call goes over there and becomes a task; here another task stands for
// it, the stand-in, which waits for its end: so it is awaited, cancelled, owned
// and reported as all tasks are. A cancel of the stand-in cancels the task over
// there, and waits for it. Two bells ring: one there, to begin and to cancel,
// and one here, at the end.
//
// On each side the call stands in the line of its task, as who awaits it does:
// so it hears of its end, however that comes about, also of a task that had no
// memory to begin. The end over there is told here; the end of a stand-in that
// did not wait for it calls it off.
//
// Counted: by who holds one of its ends, stands in a line for it, or has rung a
// bell of it that was not heard yet.
#ifndef NEAP_BINDINGS_REMOTE_H
#define NEAP_BINDINGS_REMOTE_H

#include "bindings/outcome.h"
#include "bindings/task.h"

typedef struct neapL_call {
    atomic_int holders;
    neap_bell begin;      // rung there: to begin it, to cancel or to stop it
    neap_bell end;        // rung here: it has ended
    neap_inbox *there;    // the way to who makes it; NULL: not known yet
    neap_inbox *here;     // the way back
    neap_runtime *rt;     // who makes it; for that thread alone
    neap_task stands;     // here: in the line of the stand-in
    neapL_task *stand_in; // here: until it ends; else NULL
    neap_list line;       // here: where the stand-in waits
    neap_link link;       // here: a thread's, among those of its kind
    bool made;            // here: it is on its way
    bool ended;           // here: the end was heard
    bool whole;           // it is a thread's: what cancels it cancels all tasks
                          // there, and its end is that of the thread
    bool lone;            // it is a callback's: nobody waits for its end
    bool begun;           // there: it is a task, or never will be one
    neap_task called;     // there: in the line of that task
    neapL_task *task;     // there: until it ends; else NULL
    atomic_bool unwanted; // from here: it is cancelled
    atomic_bool stopped;  // from here: that it was cancelled is no error
    neapL_parcel options; // its name, and whether it is a daemon; or nothing
    neapL_parcel work;    // the function and its arguments
    neapL_outcome outcome; // what it ended with
} neapL_call;

// A call of the function at index `fn` with all that is behind it, which are
// replaced by a userdata that holds it. Raises what cannot be sent, in words
// that begin with `what`. Who makes it is still to be set. [-n, +1, e]
neapL_call *neapL_call_new(lua_State *L, int fn, const char *what);

// The task over there shall have the options at `index`, too. Raises what their
// name raises. [-0, +0, e]
void neapL_call_options(lua_State *L, int index, neapL_call *call);

neapL_call *neapL_call_hold(neapL_call *call);
void neapL_call_release(neapL_call *call);

// The call of such a userdata; NULL: it was finalized.
neapL_call *neapL_call_at(lua_State *L, int index);

// Sends it there, once its stand-in is made. False: who would hear it has gone.
bool neapL_call_send(neapL_call *call);

// Rings there again: something was noted in it.
void neapL_call_ring(neapL_call *call);

// The stand-in, a Task, in the place of the userdata on top, which is at index
// 2 if options stand at 1. The userdata goes beside the Task under `key`, if
// that is not NULL. If the call is not made in this slice, it ends at once.
// [-(1|2), +1, m]
void neapL_stand_in(lua_State *L, const char *key);

// Undoes that, in the same slice: the call cannot be made.
void neapL_stand_down(neapL_call *call);

// There: a function and its argument, to be run as the main task. [-0, +2, m]
void neapL_call_push(lua_State *L, neapL_call *call);

// There: it is over, and for a thread's so is all else. What has left no
// outcome failed, with these words, which are constant. Told here, once.
void neapL_call_end(neapL_call *call, const char *words);

#endif
