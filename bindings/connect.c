// SPDX-License-Identifier: MIT
// Connect: a Socket that somebody has to answer.
//
// A name has several addresses, and some may be dead: RFC 8305, Happy Eyeballs.
// They are tried in turn, IPv6 and IPv4 alternating; the next one begins when
// one has failed, or after 250 ms beside those under way. The first to connect
// wins, and the others are closed.
//
// One task waits for all: it stands in the line of its attempts, and each
// attempt sends a stand-in, a task of the core, into its descriptor's line. A
// stand-in that is woken marks its attempt and wakes the task; all is decided
// in that one's continuation.
//
// A woken attempt asks the kernel to connect again, not for SO_ERROR: the
// second call tells "connected", "not yet" and "failed" apart, so that a
// spurious wake cannot pass for success. The descriptor is registered when the
// attempt is under way, because a fresh TCP socket reports OUT and HUP.
//
// Lifetime: the attempts are a to-be-closed slot, whose user values are their
// Sockets. However the call ends, stand-ins leave their lines and descriptors
// are closed: no stray connection can complete on one.
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "bindings/names.h"
#include "bindings/runtime.h"
#include "bindings/settings.h"
#include "bindings/socket.h"
#include "bindings/sys.h"

enum { // of connect's stack
    HOST = 1,
    PORT,    // nothing for a path
    NODELAY, // a boolean
    LIMIT,   // of what a Socket searches
    NAMES,
    ATTEMPTS
};

// RFC 8305, section 8: Connection Attempt Delay.
#define NEXT_NS (250 * NEAP_MILLISECOND_NS)

// The backlog of a unix socket is full and tells nobody when it has room again:
// connect looks so often. Nobody sees 5 ms, and 200 calls a second cost 0.1 %.
#define FULL_NS (5 * NEAP_MILLISECOND_NS)

typedef struct attempt {
    neap_task core;               // the stand-in
    struct attempts *all;         // of the same call
    const neapL_address *address; // of the Names
    neapL_socket *sock;           // under way; NULL: not, or over
    bool woken;                   // something was reported: ask again
    int rc;                       // why it failed
} attempt;

typedef struct attempts {
    const neapL_type *type;
    neap_list line;  // the task that connects
    int64_t next_ns; // when the next one is to begin
    int count;       // addresses to try
    int begun;       // of them, how many were tried; the first ones
    int pending;     // of those, how many are under way
    attempt each[];  // in the order in which they begin
} attempts;

// ---- in which order

// The next address in the resolver's order, from `*at` on, that is IPv6 or is
// not; or NULL.
static const neapL_address *next_of(const neapL_names *names, bool v6,
                                    int *at) {
    while (*at < names->count) {
        const neapL_address *address = &names->list[(*at)++];
        if ((address->any.sa_family == AF_INET6) == v6) return address;
    }
    return NULL;
}

// IPv6 first, then by turns as long as there are both; literals as they are.
static void set_order(attempts *it, const neapL_names *names) {
    int at[2] = {0, 0};
    for (int i = 0; i < it->count; i++) {
        bool v6 = i % 2 == 0;
        const neapL_address *address = next_of(names, v6, &at[v6]);
        if (!address) address = next_of(names, !v6, &at[!v6]);
        it->each[i].address = names->asked ? address : &names->list[i];
    }
}

// ---- life

static attempt *attempt_of(neap_task *core) {
    return NEAP_OWNER(core, attempt, core);
}

void neapL_attempt_slice(neap_task *core) {
    attempt *self = attempt_of(core);
    self->woken = true;
    neap_task_wake_all(&self->all->line, NEAP_WAKE_READY);
}

// The attempt is over; its Socket is closed. The attempts are at `index`.
static void drop(lua_State *L, int index, attempt *self) {
    attempts *all = self->all;
    assert(self->sock && all->pending > 0);
    lua_getiuservalue(L, index, (int)(self - all->each) + 1);
    neapL_socket_close(L, lua_gettop(L));
    lua_pop(L, 1);
    neap_task_term(&self->core);
    self->sock = NULL;
    all->pending--;
}

static void drop_all(lua_State *L, int index) {
    attempts *it = lua_touserdata(L, index);
    for (int i = 0; i < it->begun; i++)
        if (it->each[i].sock) drop(L, index, &it->each[i]);
    neap_task_wake_all(&it->line, NEAP_WAKE_READY);
}

static int attempts_close(lua_State *L) {
    drop_all(L, 1);
    return 0;
}

static const luaL_Reg methods[] = {{NULL, NULL}};
static const luaL_Reg meta[] = {
    {"__close", attempts_close}, {"__gc", attempts_close}, {NULL, NULL}};
static const neapL_type attempts_type = {"neap.attempts", 0, methods, meta};

static void push_attempts(lua_State *L, const neapL_names *names) {
    neap_runtime *rt = neapL_rt(L);
    int count = names->count;
    size_t size = sizeof(attempts) + (size_t)count * sizeof(attempt);
    attempts *it = lua_newuserdatauv(L, size, count);
    *it = (attempts){.type = &attempts_type, .count = count};
    neap_list_init(&it->line);
    for (int i = 0; i < count; i++) {
        it->each[i] = (attempt){.all = it};
        neap_task_init(&it->each[i].core, &rt->loop, NEAPL_ATTEMPT);
    }
    set_order(it, names);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &attempts_type);
    lua_setmetatable(L, -2);
    neapL_toclose(L, -1);
}

// ---- one attempt

static void wait_for(attempt *self) {
    assert(self->sock);
    self->woken = false;
    int rc = neap_fd_wait(&self->sock->fd, NEAP_OUT, &self->core);
    assert(rc == 0); // it is ours, so it is watched already
    (void)rc;
}

// A port that nobody listens at may be given to who asks for it: then TCP
// connects the socket to itself.
static bool is_own(int number, const neapL_address *peer) {
    neapL_address own;
    if (peer->any.sa_family == AF_UNIX) return false;
    neapL_clearaddress(&own);
    int rc = neap_sys_getname(number, false, &own.any, &own.size);
    return rc == 0 && own.size == peer->size &&
           memcmp(&own.any, &peer->any, own.size) == 0;
}

// The first call, or one that asks. Linux says "connected" once by 0, then and
// elsewhere by EISCONN. 0; -EINPROGRESS: on its way; or another -errno.
static int call(int number, const neapL_address *address) {
    int rc = neap_sys_connect(number, &address->any, address->size);
    if (rc == -EALREADY) return -EINPROGRESS;
    if (rc < 0 && rc != -EISCONN) return rc;
    return is_own(number, address) ? -ECONNREFUSED : 0;
}

// As call; where it failed, all is closed.
static int open_socket(lua_State *L, attempt *self, neapL_socket *sock) {
    const neapL_address *address = self->address;
    int family = address->any.sa_family;
    int number = neap_sys_socket(family, SOCK_STREAM);
    if (number < 0) return number;
    int rc = 0;
    if (family != AF_UNIX && lua_toboolean(L, NODELAY))
        rc = neap_sys_setopt(number, IPPROTO_TCP, TCP_NODELAY, 1);
    if (rc == 0) rc = call(number, address);
    if (rc < 0 && rc != -EINPROGRESS) return neap_sys_close(number), rc;
    int opened = neapL_socket_open(sock, neapL_rt(L), number, NEAP_FD_STREAM);
    return opened < 0 ? opened : rc;
}

// The next one. Pushes its Socket if that is connected. [-0, +(0|1), m]
static bool begin(lua_State *L, attempts *it) {
    neap_runtime *rt = neapL_rt(L);
    attempt *self = &it->each[it->begun];
    neapL_socket *sock = neapL_socket_new(L);
    sock->limit = (size_t)lua_tointeger(L, LIMIT);
    self->rc = open_socket(L, self, sock);
    if (self->rc == 0) return true;
    if (self->rc == -EAGAIN && self->address->any.sa_family == AF_UNIX) {
        it->next_ns = neapL_deadline(rt, FULL_NS); // the same once more
        return lua_pop(L, 1), false;
    }
    it->begun++;
    it->next_ns = 0; // when this has failed, at once
    if (self->rc != -EINPROGRESS) return lua_pop(L, 1), false;
    lua_setiuservalue(L, ATTEMPTS, it->begun);
    self->sock = sock;
    it->pending++;
    it->next_ns = neapL_deadline(rt, NEXT_NS);
    wait_for(self);
    return false;
}

// One that was woken. As above.
static bool ask(lua_State *L, attempt *self) {
    int number = self->sock->fd.number;
    self->rc = number < 0 ? -EBADF : call(number, self->address);
    if (self->rc == -EINPROGRESS) return wait_for(self), false;
    if (self->rc < 0) {
        drop(L, ATTEMPTS, self);
        self->all->next_ns = 0;
        return false;
    }
    lua_getiuservalue(L, ATTEMPTS, (int)(self - self->all->each) + 1);
    neap_task_term(&self->core);
    self->sock = NULL; // the caller's from here on
    self->all->pending--;
    return true;
}

// ---- all of them

static bool is_due(neap_runtime *rt, const attempts *it) {
    if (it->begun == it->count) return false;
    return it->next_ns == 0 || neap_loop_time(&rt->loop) >= it->next_ns;
}

// Goes on with those that were woken, and begins what is due. Pushes the Socket
// that is connected, if one is.
static bool advance(lua_State *L, attempts *it) {
    for (int i = 0; i < it->begun; i++) {
        attempt *self = &it->each[i];
        if (self->sock && self->woken && ask(L, self)) return true;
    }
    while (is_due(neapL_rt(L), it))
        if (begin(L, it)) return true;
    return false;
}

// "db.local:80: [::1]:80: Connection refused; 10.0.0.7:80: Connection timed
// out", with the code of the last; of a literal only the reason.
static int fail(lua_State *L, const attempts *it) {
    const neapL_names *names = lua_touserdata(L, NAMES);
    const char *message = neapL_pushtarget(L, HOST);
    int rc = it->each[it->count - 1].rc;
    if (it->count == 1 && !names->asked) return neapL_fail(L, rc, message);
    for (int i = 0; i < it->count; i++) {
        const attempt *self = &it->each[i];
        const char *name = neapL_pushname(L, self->address);
        message = lua_pushfstring(L, "%s%s %s: %s", message, i ? ";" : ":",
                                  name, strerror(-self->rc));
        lua_replace(L, ATTEMPTS + 1);
        lua_settop(L, ATTEMPTS + 1);
    }
    return neapL_fail_code(L, message, neapL_errno_name(rc));
}

static int connect_k(lua_State *L, int status, lua_KContext ctx) {
    attempts *it = lua_touserdata(L, ATTEMPTS);
    if (neapL_is_raising(L, status)) drop_all(L, ATTEMPTS);
    neapL_woken(L, status);
    neapL_task *task = neapL_waiting(L, NEAPL_CONNECT);
    if (advance(L, it)) return 1;
    if (it->begun == it->count && it->pending == 0) return fail(L, it);
    neap_task_wait_outside(&task->core, &it->line);
    if (it->begun < it->count) neap_task_arm(&task->core, it->next_ns);
    return neapL_suspend(L, ctx, connect_k);
}

static int begin_k(lua_State *L, int status, lua_KContext index) {
    assert(index == NAMES);
    push_attempts(L, lua_touserdata(L, (int)index));
    return connect_k(L, status, 0);
}

// neap.connect(host, port [, options]) -> Socket | nil, message, code
static int net_connect(lua_State *L) {
    neapL_settings settings;
    neapL_checkhost(L, HOST);
    neapL_checksettings(L, &settings);
    const char *host = lua_tostring(L, HOST);
    luaL_argcheck(L, *host && strcmp(host, "*") != 0, HOST,
                  "there is no host to connect to");
    lua_settop(L, PORT);
    lua_pushboolean(L, settings.nodelay);
    lua_pushinteger(L, (lua_Integer)settings.limit);
    return neapL_names_ask(L, begin_k);
}

void neapL_add_connect(lua_State *L, neap_runtime *rt) {
    static const luaL_Reg functions[] = {{"connect", net_connect},
                                         {NULL, NULL}};
    neapL_newtype(L, rt, &attempts_type);
    neapL_addfuncs(L, rt, functions);
}
