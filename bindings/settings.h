// SPDX-License-Identifier: MIT
// Settings: the table of options that ends the arguments of listen and connect.
#ifndef NEAP_BINDINGS_SETTINGS_H
#define NEAP_BINDINGS_SETTINGS_H

#include <lua.h>
#include <stdbool.h>

typedef struct neapL_settings {
    bool nodelay;   // TCP_NODELAY; default true
    bool reuseport; // SO_REUSEPORT; default false
    int backlog;    // connections that wait to be accepted
} neapL_settings;

// The table behind host and port, or behind a "unix:" path; none is all
// defaults. Misuse raises.
void neapL_checksettings(lua_State *L, neapL_settings *settings);

#endif
