// SPDX-License-Identifier: MIT
// Borrow: descriptors that are not ours, for whoever waits for them.
//
// A number that is a Socket's has the Socket's own entry. Any other is
// borrowed: an entry of its own, which all that wait for the number share, and
// which goes with the last of them. Nothing is changed about the descriptor: no
// flag is set, and nobody but its owner closes it.
//
// Its owner may close it without a word. Then the poller might still report
// the entry (the file may be open elsewhere): it stays in memory until the
// runtime ends. The same becomes of one whose user was killed.
#ifndef NEAP_BINDINGS_BORROW_H
#define NEAP_BINDINGS_BORROW_H

#include "bindings/neapL.h"

// The number at `arg`: a Socket's, -1 where that is closed, or an integer;
// raises where it is nothing of that kind.
int neapL_checkdescriptor(lua_State *L, int arg);

// The task or reader waits for a number: 0, and it stands in the line of the
// entry; 1: a Socket, which is ready now; -errno (-EPERM: the poller refuses
// it). Not less than 0: `*fd` is the entry; a borrowed one is to be given back.
int neapL_watch(neap_task *task, int number, neap_dir dir, neap_fd **fd);

// The same once more, for one who has the entry.
int neapL_watch_again(neap_task *task, neap_fd *fd, neap_dir dir);

// The caller's part in a borrowed entry.
void neapL_give_back(neap_runtime *rt, neap_fd *fd);

// nil, "cannot watch descriptor 7: ...", code
int neapL_fail_watch(lua_State *L, int number, int rc);

// Closes and frees all of them; nobody waits any more.
void neapL_borrowed_term(neap_runtime *rt);

#endif
