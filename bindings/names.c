// SPDX-License-Identifier: MIT
// Names: literals, look-ups in the pool, and neap.resolve (see names.h).
//
// What a thread of the pool touches is malloc's, and no Lua: the record holds
// copies of the two names, and of the addresses found.
//
// Assumption: the well-known services have the numbers that they have had for
// 40 years, so that "http" need not be looked up in a file.
#define _GNU_SOURCE
#include "bindings/names.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/socket.h"
#include "bindings/sys.h"
#include "core/pool.h"

enum {
    HOST = 1, // of the stack
    PORT,
    SERVICE_MAX = 63, // bytes of a service's name; the longest known has 20
    // Addresses of one name: a round robin has a dozen. No more are kept.
    ADDRESSES_MAX = 64
};

typedef struct lookup {
    neap_job job;
    char host[NEAPL_HOST_MAX + 1];
    char service[SERVICE_MAX + 1]; // a name or a number
    int outcome;                   // 0, or EAI_...
    int number;                    // for EAI_SYSTEM: errno
    int count;                     // addresses
    neapL_address *list;           // of them; malloc's
} lookup;

// ---- in the pool

static lookup *lookup_of(neap_job *job) { return NEAP_OWNER(job, lookup, job); }

static bool is_ours(const struct addrinfo *at) {
    return at->ai_family == AF_INET || at->ai_family == AF_INET6;
}

static int copy(lookup *it, const struct addrinfo *found) {
    it->list = calloc(ADDRESSES_MAX, sizeof *it->list);
    if (!it->list) return EAI_MEMORY;
    for (; found && it->count < ADDRESSES_MAX; found = found->ai_next) {
        if (!is_ours(found)) continue;
        neapL_address *address = &it->list[it->count++];
        address->size = found->ai_addrlen;
        memcpy(&address->any, found->ai_addr, found->ai_addrlen);
    }
    return it->count > 0 ? 0 : EAI_NONAME;
}

static void look_up(neap_job *job) {
    lookup *it = lookup_of(job);
    struct addrinfo *found = NULL;
    it->outcome = neap_sys_resolve(it->host, it->service, &found);
    it->number = errno;
    if (it->outcome) return;
    it->outcome = copy(it, found);
    freeaddrinfo(found);
}

static void free_lookup(neap_job *job) {
    lookup *it = lookup_of(job);
    free(it->list);
    free(it);
}

// ---- what is known without asking

typedef struct service {
    const char *name;
    int port;
} service;

static const service services[] = {
    {"http", 80},   {"https", 443}, {"ssh", 22},   {"smtp", 25},
    {"ftp", 21},    {"domain", 53}, {"ntp", 123},  {"imap", 143},
    {"imaps", 993}, {"ldap", 389},  {"pop3", 110},
};

enum { SERVICE_COUNT = sizeof services / sizeof *services };

// A service that is known becomes its port, in its place.
static void check_service(lua_State *L) {
    size_t length;
    if (lua_type(L, PORT) != LUA_TSTRING || lua_isnumber(L, PORT)) {
        neapL_checkport(L, PORT);
        lua_pushinteger(L, lua_tointeger(L, PORT));
        lua_replace(L, PORT);
        return;
    }
    const char *name = lua_tolstring(L, PORT, &length);
    luaL_argcheck(L, *name && strlen(name) == length, PORT,
                  "service is empty or has a zero byte");
    luaL_argcheck(L, length <= SERVICE_MAX, PORT,
                  "service is longer than 63 bytes");
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if (strcmp(name, services[i].name) != 0) continue;
        lua_pushinteger(L, services[i].port);
        lua_replace(L, PORT);
        return;
    }
}

// No name has a colon or a per cent, or ends in a number: those are literals
// that went wrong, or forms of inet_aton, which mean different things to
// different programs.
static bool is_name(const char *host) {
    size_t length = strlen(host);
    if (strpbrk(host, ":%") || length == 0) return false;
    const char *dot = memrchr(host, '.', length - 1);
    const char *label = dot ? dot + 1 : host;
    size_t digits = strspn(label, "0123456789");
    bool hex = label[0] == '0' && (label[1] | ' ') == 'x';
    return !hex && label[digits] != '\0' && label[digits] != '.';
}

// ---- failures

static const char *code_of(int outcome) {
    switch (outcome) {
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_FAMILY: return "EAI_FAMILY";
    case EAI_MEMORY: return "EAI_MEMORY";
    case EAI_SERVICE: return "EAI_SERVICE";
    default: return "EAI_NONAME"; // or there is one, without an address
    }
}

static int fail(lua_State *L, int outcome, int number) {
    const char *host = lua_tostring(L, HOST);
    if (outcome == EAI_SYSTEM) return neapL_fail(L, -number, host);
    if (outcome == EAI_SERVICE)
        host = lua_pushfstring(L, "%s:%s", host, lua_tostring(L, PORT));
    lua_pushfstring(L, "%s: %s", host, gai_strerror(outcome));
    return neapL_fail_code(L, lua_tostring(L, -1), code_of(outcome));
}

// ---- asking

// Who asked goes: the job is left, and nobody waits for it.
static void leave(neapL_names *names) {
    if (names->asked) neap_job_leave(&names->asked->job);
    names->asked = NULL;
    neap_task_wake_all(&names->line, NEAP_WAKE_READY);
}

// 0 or -errno.
static int submit(lua_State *L, neapL_names *names) {
    lookup *it = calloc(1, sizeof *it);
    if (!it) return -ENOMEM;
    it->job =
        (neap_job){.line = &names->line, .work = look_up, .free = free_lookup};
    lua_pushvalue(L, PORT); // tostring would change the number in its place
    snprintf(it->host, sizeof it->host, "%s", lua_tostring(L, HOST));
    snprintf(it->service, sizeof it->service, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
    int rc = neap_pool_submit(&neapL_rt(L)->loop, &it->job);
    if (rc < 0) return free(it), rc;
    names->asked = it;
    return 0;
}

static int port_of(const neapL_address *address) {
    bool v6 = address->any.sa_family == AF_INET6;
    return ntohs(v6 ? address->v6.sin6_port : address->v4.sin_port);
}

static int go_on(lua_State *L, neapL_names *names, lua_KContext index) {
    const lookup *it = names->asked;
    if (it && it->outcome) return fail(L, it->outcome, it->number);
    if (it) {
        names->list = it->list;
        names->count = it->count;
        lua_pushinteger(L, port_of(it->list));
        lua_replace(L, PORT);
    }
    return names->next(L, LUA_OK, index);
}

static int ask_k(lua_State *L, int status, lua_KContext index) {
    neapL_names *names = lua_touserdata(L, (int)index);
    if (neapL_is_raising(L, status)) leave(names);
    neapL_woken(L, status);
    if (names->count > 0) return go_on(L, names, index);
    if (names->asked && !names->asked->job.line) return go_on(L, names, index);
    neapL_task *task = neapL_waiting(L, NEAPL_RESOLVE);
    if (!names->asked) {
        int rc = submit(L, names);
        if (rc < 0) return neapL_fail(L, rc, lua_tostring(L, HOST));
    }
    neap_task_wait_outside(&task->core, &names->line);
    return neapL_suspend(L, index, ask_k);
}

static int names_close(lua_State *L) {
    leave(lua_touserdata(L, 1));
    return 0;
}

static const luaL_Reg methods[] = {{NULL, NULL}};
static const luaL_Reg meta[] = {
    {"__close", names_close}, {"__gc", names_close}, {NULL, NULL}};
static const neapL_type names_type = {"neap.names", sizeof(neapL_names),
                                      methods, meta};

// The addresses that need no asking: none, one, or two of localhost.
static void read_literals(lua_State *L, neapL_names *names) {
    neapL_address *next = names->literal;
    while (names->count < 2 && neapL_getaddress(L, HOST, names->count, next)) {
        names->count++;
        next++;
    }
    names->list = names->literal;
}

int neapL_names_ask(lua_State *L, lua_KFunction next) {
    neapL_checkhost(L, HOST);
    bool local = neapL_is_unix(L, HOST);
    if (!local) check_service(L);
    neapL_names *names = neapL_new(L, &names_type, 0);
    int index = lua_gettop(L);
    neap_list_init(&names->line);
    names->next = next;
    read_literals(L, names);
    if (names->count == 0 && local)
        return neapL_conclude(L, neapL_checkaddress(L, HOST, names->literal));
    if (names->count == 0 && !is_name(lua_tostring(L, HOST)))
        return neapL_conclude(L, fail(L, EAI_NONAME, 0));
    if (!local && lua_type(L, PORT) == LUA_TSTRING)
        names->count = 0; // the service has to be asked for
    neapL_toclose(L, index);
    return neapL_begin(L, index, ask_k);
}

// ---- neap.resolve

static void push_entry(lua_State *L, const neapL_address *address, bool port) {
    lua_createtable(L, 0, 3);
    neapL_pushaddress(L, address);
    if (port) lua_setfield(L, -3, "port");
    else lua_pop(L, 1);
    lua_setfield(L, -2, "host");
    bool v6 = address->any.sa_family == AF_INET6;
    lua_pushstring(L, v6 ? "inet6" : "inet");
    lua_setfield(L, -2, "family");
}

static int resolve_k(lua_State *L, int status, lua_KContext index) {
    const neapL_names *names = lua_touserdata(L, (int)index);
    assert(status == LUA_OK && names->count > 0);
    (void)status;
    lua_createtable(L, names->count, 0);
    for (int i = 0; i < names->count; i++) {
        push_entry(L, &names->list[i], lua_toboolean(L, PORT + 1));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

// neap.resolve(host [, service]) -> {{host=, port=, family=}...}
//     | nil, message, code
static int net_resolve(lua_State *L) {
    bool port = !lua_isnoneornil(L, PORT);
    const char *host = luaL_checkstring(L, HOST);
    luaL_argcheck(L, *host && strcmp(host, "*") != 0 && !neapL_is_unix(L, HOST),
                  HOST, "there is no host to resolve");
    lua_settop(L, PORT);
    if (!port) lua_pushinteger(L, 0), lua_replace(L, PORT);
    lua_pushboolean(L, port);
    return neapL_names_ask(L, resolve_k);
}

void neapL_open_names(lua_State *L, neap_runtime *rt) {
    static const luaL_Reg functions[] = {{"resolve", net_resolve},
                                         {NULL, NULL}};
    neapL_newtype(L, rt, &names_type);
    neapL_addfuncs(L, rt, functions);
}
