// SPDX-License-Identifier: MIT
// Address: reading literals and writing names (see address.h).
//
// A text is parsed again where it is needed rather than kept: that costs less
// than a system call, and a wait has nothing to carry along but its arguments.
#define _GNU_SOURCE
#include "bindings/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <net/if.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/neapL.h"

enum {
    PORT_MAX = 65535 // 16 bits
};

static const char unix_prefix[] = "unix:";

#define PREFIX_SIZE (sizeof unix_prefix - 1)
#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

void neapL_clearaddress(neapL_address *address) {
    memset(address, 0, sizeof *address);
    address->size = sizeof *address - offsetof(neapL_address, any);
}

// ---- reading

bool neapL_is_unix(lua_State *L, int host) {
    const char *name = lua_tostring(L, host);
    return name && strncmp(name, unix_prefix, PREFIX_SIZE) == 0;
}

// "unix:/path"; a name that begins with @ is abstract: a zero byte stands
// first, and none ends it.
static bool read_path(const char *path, neapL_address *address) {
    size_t length = strlen(path);
    bool abstract = *path == '@';
    if (length + !abstract > sizeof address->local.sun_path) return false;
    memset(address, 0, sizeof *address);
    address->local.sun_family = AF_UNIX;
    memcpy(address->local.sun_path, path, length);
    if (abstract) address->local.sun_path[0] = '\0';
    address->size = (unsigned)(PATH_OFFSET + length + !abstract);
    return true;
}

// Four decimal numbers; the short and octal forms of inet_aton mean different
// things to different programs, and are names to us.
static bool read_v4(const char *host, neapL_address *address) {
    memset(address, 0, sizeof *address);
    address->size = sizeof address->v4;
    address->v4.sin_family = AF_INET;
    return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1;
}

// "eth0" or "2", behind the %; 0: there is no such interface.
static uint32_t read_scope(const char *scope) {
    char *end;
    unsigned index = if_nametoindex(scope);
    unsigned long number = index ? index : strtoul(scope, &end, 10);
    assert(scope);
    return index || !*end ? (uint32_t)number : 0;
}

// Any form of RFC 4291, and behind a % the interface of a link-local one.
static bool read_v6(const char *host, neapL_address *address) {
    char digits[INET6_ADDRSTRLEN];
    const char *percent = strchr(host, '%');
    size_t length = percent ? (size_t)(percent - host) : strlen(host);
    if (length >= sizeof digits) return false;
    memcpy(digits, host, length);
    digits[length] = '\0';
    memset(address, 0, sizeof *address);
    address->size = sizeof address->v6;
    address->v6.sin6_family = AF_INET6;
    if (percent) address->v6.sin6_scope_id = read_scope(percent + 1);
    if (percent && address->v6.sin6_scope_id == 0) return false;
    return inet_pton(AF_INET6, digits, &address->v6.sin6_addr) == 1;
}

// The names that need no resolver, as literals.
static const char *literal_of(const char *host, int nth) {
    static const char *const localhost[] = {"127.0.0.1", "::1"};
    if (strcmp(host, "localhost") == 0) return localhost[nth];
    return *host && strcmp(host, "*") != 0 ? host : "0.0.0.0";
}

static bool read_host(const char *host, int nth, neapL_address *address) {
    const char *literal = literal_of(host, nth);
    return read_v4(literal, address) || read_v6(literal, address);
}

// The port is in range: neapL_checkaddress saw to it.
bool neapL_getaddress(lua_State *L, int host, int nth, neapL_address *address) {
    const char *name = lua_tostring(L, host);
    if (nth > (strcmp(name, "localhost") == 0)) return false;
    if (neapL_is_unix(L, host)) return read_path(name + PREFIX_SIZE, address);
    if (!read_host(name, nth, address)) return false;
    in_port_t port = htons((uint16_t)lua_tointeger(L, host + 1));
    if (address->any.sa_family == AF_INET) address->v4.sin_port = port;
    else address->v6.sin6_port = port;
    return true;
}

// ---- checking

// What no host or port can be raises; what might be one tomorrow (a name, a
// path for a kernel with longer ones) is a failure and no misuse.
void neapL_checkhost(lua_State *L, int host) {
    size_t length;
    const char *name = luaL_checklstring(L, host, &length);
    luaL_argcheck(L, strlen(name) == length, host, "host has a zero byte");
    bool local = neapL_is_unix(L, host);
    luaL_argcheck(L, !local || length > PREFIX_SIZE, host, "path is empty");
    luaL_argcheck(L, local || length <= NEAPL_HOST_MAX, host,
                  "host is longer than 255 bytes");
}

void neapL_checkport(lua_State *L, int index) {
    lua_Integer port = luaL_checkinteger(L, index);
    luaL_argcheck(L, 0 <= port && port <= PORT_MAX, index,
                  "port is not from 0 to 65535");
}

static int fail_path(lua_State *L, int host) {
    lua_pushfstring(L, "%s: path is longer than %d bytes",
                    lua_tostring(L, host),
                    (int)sizeof((struct sockaddr_un *)0)->sun_path - 1);
    return neapL_fail_code(L, lua_tostring(L, -1), "ENAMETOOLONG");
}

static int fail_name(lua_State *L, int host) {
    lua_pushfstring(L, "%s: no literal address; neap.resolve knows names",
                    lua_tostring(L, host));
    return neapL_fail_code(L, lua_tostring(L, -1), "EAI_NONAME");
}

int neapL_checkaddress(lua_State *L, int host, neapL_address *address) {
    neapL_checkhost(L, host);
    if (!neapL_is_unix(L, host)) neapL_checkport(L, host + 1);
    if (neapL_getaddress(L, host, 0, address)) return 0;
    return neapL_is_unix(L, host) ? fail_path(L, host) : fail_name(L, host);
}

const char *neapL_pushtarget(lua_State *L, int host) {
    const char *name = lua_tostring(L, host);
    if (neapL_is_unix(L, host)) return lua_pushstring(L, name);
    const char *form = strchr(name, ':') ? "[%s]:%d" : "%s:%d";
    int port = (int)lua_tointeger(L, host + 1);
    if (!*name) name = "*";
    return lua_pushfstring(L, form, name, port);
}

// ---- writing

// The kernel counts in `size` the zero byte that ends a path, and everything
// in an abstract name.
static void push_path(lua_State *L, const neapL_address *address) {
    const char *path = address->local.sun_path;
    size_t room = address->size > PATH_OFFSET ? address->size - PATH_OFFSET : 0;
    if (room == 0) lua_pushnil(L); // unnamed
    else if (*path) lua_pushlstring(L, path, strnlen(path, room));
    else {
        lua_pushliteral(L, "@");
        lua_pushlstring(L, path + 1, room - 1);
        lua_concat(L, 2);
    }
}

static void push_v6(lua_State *L, const struct sockaddr_in6 *address) {
    char digits[INET6_ADDRSTRLEN], interface[IF_NAMESIZE];
    uint32_t scope = address->sin6_scope_id;
    inet_ntop(AF_INET6, &address->sin6_addr, digits, sizeof digits);
    if (scope == 0) lua_pushstring(L, digits);
    else if (if_indextoname(scope, interface))
        lua_pushfstring(L, "%s%%%s", digits, interface);
    else lua_pushfstring(L, "%s%%%d", digits, (int)scope);
}

int neapL_pushaddress(lua_State *L, const neapL_address *address) {
    char digits[INET_ADDRSTRLEN];
    switch (address->any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->v4.sin_addr, digits, sizeof digits);
        lua_pushstring(L, digits);
        lua_pushinteger(L, ntohs(address->v4.sin_port));
        return 2;
    case AF_INET6:
        push_v6(L, &address->v6);
        lua_pushinteger(L, ntohs(address->v6.sin6_port));
        return 2;
    case AF_UNIX: push_path(L, address); return 1;
    default: lua_pushnil(L); return 1;
    }
}

const char *neapL_pushname(lua_State *L, const neapL_address *address) {
    int count = neapL_pushaddress(L, address);
    const char *host = lua_tostring(L, -count);
    int port = (int)lua_tointeger(L, -1);
    if (count == 2)
        lua_pushfstring(L, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
    else lua_pushfstring(L, host ? "unix:%s" : "%s", host ? host : "");
    lua_insert(L, -count - 1);
    lua_pop(L, count);
    return lua_tostring(L, -1);
}
