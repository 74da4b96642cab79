// SPDX-License-Identifier: MIT
// Settings: the table of options that ends the arguments of what makes Sockets.
#ifndef NEAP_BINDINGS_SETTINGS_H
#define NEAP_BINDINGS_SETTINGS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct neapL_settings {
    bool nodelay;   // TCP_NODELAY; default true
    bool reuseport; // SO_REUSEPORT; default false
    int backlog;    // connections that wait to be accepted
    size_t limit;   // of a search in a stream; default NEAPL_LIMIT
} neapL_settings;

// The table behind host and port, or behind a "unix:" path; none is all
// defaults. Misuse raises.
void neapL_checksettings(lua_State *L, neapL_settings *settings);

// The limit of the table at `index`, for what knows no other option.
size_t neapL_checklimit(lua_State *L, int index);

#endif
