// SPDX-License-Identifier: MIT
// Outcome: what a function on another thread ended with, on its way back.
//
// Its results, or its error with the traceback. An error object that cannot
// cross is told in words. The memory is malloc's, as a parcel's.
#ifndef NEAP_BINDINGS_OUTCOME_H
#define NEAP_BINDINGS_OUTCOME_H

#include <stdbool.h>

#include "bindings/parcel.h"

typedef struct neapL_outcome {
    bool known;         // it has ended
    bool failed;        // with an error
    bool cancelled;     // which is a cancel of the task itself
    neapL_parcel value; // the results, or the error
    const char *words;  // of an error that is in no parcel; constant; or NULL
    char *traceback;    // of the error; or NULL
} neapL_outcome;

// The `count` values on top, popped, are the results. Raises what cannot cross.
// [-count, +0, e]
void neapL_outcome_finish(lua_State *L, int count, neapL_outcome *outcome);

// The error on top, popped; the traceback, or NULL, is copied. Never raises
// where there is room on the stack. [-1, +0, -]
void neapL_outcome_fail(lua_State *L, const char *traceback,
                        neapL_outcome *outcome);

// An error in words that are constant.
void neapL_outcome_refuse(neapL_outcome *outcome, const char *words);

// Pushes the results, or the error; their number. [-0, +n, e]
int neapL_outcome_push(lua_State *L, const neapL_outcome *outcome);

// Frees what is in it, and makes it hold nothing.
void neapL_outcome_free(neapL_outcome *outcome);

#endif
