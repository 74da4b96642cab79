// SPDX-License-Identifier: MIT
// Address: host and port in Lua, a path, a sockaddr in the kernel.
//
// Literals only ("127.0.0.1", "::1", "fe80::1%eth0"), "localhost", "" or "*"
// for any interface, and "unix:/path" or "unix:@abstract" in place of both.
// Nothing here asks a resolver, so nothing here can block: names.c does.
#ifndef NEAP_BINDINGS_ADDRESS_H
#define NEAP_BINDINGS_ADDRESS_H

#include <lua.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NEAPL_HOST_MAX = 255 }; // bytes of a name, as DNS has it

typedef struct neapL_address {
    unsigned size; // bytes of it that count
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
} neapL_address;

// Makes it ready for the kernel to write into: all of the room counts.
void neapL_clearaddress(neapL_address *address);

// In all of these the host stands at index `host`, and but for a path the port
// behind it.

// Misuse raises. 0, or the count of results that say what is wrong: nil,
// message, code.
int neapL_checkaddress(lua_State *L, int host, neapL_address *address);

// The halves of that: the host or path; the port. Misuse raises.
void neapL_checkhost(lua_State *L, int host);
void neapL_checkport(lua_State *L, int port);

// What was checked before, once more. False: the host has no `nth` address.
// "localhost" has two, everything else one.
bool neapL_getaddress(lua_State *L, int host, int nth, neapL_address *address);

// Whether the host is "unix:", so that no port follows.
bool neapL_is_unix(lua_State *L, int host);

// "127.0.0.1:80", "[::1]:80", "unix:/path": as given. [-0, +1, m]
const char *neapL_pushtarget(lua_State *L, int host);

// host, port; or a path; or nil where there is no name. How many.
int neapL_pushaddress(lua_State *L, const neapL_address *address);

// The same in one string, "" where there is no name. [-0, +1, m]
const char *neapL_pushname(lua_State *L, const neapL_address *address);

#endif
