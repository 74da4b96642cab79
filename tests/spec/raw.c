// SPDX-License-Identifier: MIT
// Raw: system calls for the specs of sockets, that do what a careless program
// or another library would do behind our back. Built by tests/spec/sockets.lua.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int check_fd(lua_State *L) { return (int)luaL_checkinteger(L, 1); }

// An integer, or nil and what is wrong.
static int result(lua_State *L, long rc) {
    if (rc >= 0) return lua_pushinteger(L, rc), 1;
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
}

static int raw_close(lua_State *L) { return result(L, close(check_fd(L))); }

static int raw_dup(lua_State *L) { return result(L, dup(check_fd(L))); }

// raw.dup2(fd, number): makes it that number, too
static int raw_dup2(lua_State *L) {
    return result(L, dup2(check_fd(L), (int)luaL_checkinteger(L, 2)));
}

static int raw_pid(lua_State *L) { return result(L, getpid()); }

static long count_entries(const char *path) {
    long count = -2; // ".", ".."
    DIR *folder = opendir(path);
    while (folder && readdir(folder)) count++;
    if (folder) closedir(folder);
    return count;
}

// raw.count() -> descriptors of this process, without the folder's own
static int raw_count(lua_State *L) {
    return result(L, count_entries("/proc/self/fd") - 1);
}

// raw.threads() -> threads of this process
static int raw_threads(lua_State *L) {
    return result(L, count_entries("/proc/self/task"));
}

// raw.polls() -> whether an epoll descriptor is open: the backend remembers
static int raw_polls(lua_State *L) {
    char name[32], target[64] = "";
    bool found = false;
    for (int fd = 0; fd < 64 && !found; fd++) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(name, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = '\0';
        found = strstr(target, "eventpoll") != NULL;
    }
    lua_pushboolean(L, found);
    return 1;
}

// raw.recv(fd) -> bytes or nil: takes what is there
static int raw_recv(lua_State *L) {
    char bytes[65536];
    ssize_t n = recv(check_fd(L), bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0) return result(L, n);
    lua_pushlstring(L, bytes, (size_t)n);
    return 1;
}

// raw.open(path [, "w"]) -> fd, to read or to write
static int raw_open(lua_State *L) {
    int how = lua_isnoneornil(L, 2) ? O_RDONLY : O_WRONLY;
    return result(L, open(luaL_checkstring(L, 1), how | O_CLOEXEC));
}

// raw.pair("stream" | "dgram" | "seqpacket") -> fd, fd: blocking ones
static int raw_pair(lua_State *L) {
    static const char *const names[] = {"stream", "dgram", "seqpacket", NULL};
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    int type = types[luaL_checkoption(L, 1, "stream", names)], pair[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
        return result(L, -1);
    lua_pushinteger(L, pair[0]);
    lua_pushinteger(L, pair[1]);
    return 2;
}

// raw.pipe() -> fd to read, fd to write: blocking ones
static int raw_pipe(lua_State *L) {
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0) return result(L, -1);
    lua_pushinteger(L, pair[0]);
    lua_pushinteger(L, pair[1]);
    return 2;
}

// raw.read(fd) -> bytes or nil: blocks where there are none
static int raw_read(lua_State *L) {
    char bytes[65536];
    int fd = check_fd(L);
    ssize_t n;
    do n = read(fd, bytes, sizeof bytes); // again where a signal came
    while (n < 0 && errno == EINTR);
    if (n < 0) return result(L, n);
    lua_pushlstring(L, bytes, (size_t)n);
    return 1;
}

// raw.write(fd, bytes) -> how many; blocks where there is no room
static int raw_write(lua_State *L) {
    size_t size;
    const char *bytes = luaL_checklstring(L, 2, &size);
    int fd = check_fd(L);
    ssize_t n;
    do n = write(fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return result(L, n);
}

// raw.listener() -> fd: a blocking one, on a port of 127.0.0.1
static int raw_listener(lua_State *L) {
    struct sockaddr_in name = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
    if (bind(fd, (void *)&name, sizeof name) < 0 || listen(fd, 8) < 0)
        return result(L, -1);
    return result(L, fd);
}

// raw.blocks(fd) -> whether O_NONBLOCK is off
static int raw_blocks(lua_State *L) {
    lua_pushboolean(L, !(fcntl(check_fd(L), F_GETFL) & O_NONBLOCK));
    return 1;
}

// raw.unblock(fd): O_NONBLOCK on
static int raw_unblock(lua_State *L) {
    int fd = check_fd(L);
    return result(L, fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
}

// raw.nodelay(fd) -> whether TCP_NODELAY is on
static int raw_nodelay(lua_State *L) {
    int value = 0;
    socklen_t size = sizeof value;
    getsockopt(check_fd(L), IPPROTO_TCP, TCP_NODELAY, &value, &size);
    lua_pushboolean(L, value);
    return 1;
}

// raw.abort(fd): closing it will reset the connection
static int raw_abort(lua_State *L) {
    struct linger now = {.l_onoff = 1};
    int fd = check_fd(L);
    return result(L, setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

// raw.limit(n) -> the limit of descriptors that was in force
static int raw_limit(lua_State *L) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    lua_pushinteger(L, (lua_Integer)limit.rlim_cur);
    limit.rlim_cur = (rlim_t)luaL_checkinteger(L, 1);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return result(L, -1);
    return 1;
}

// raw.fill(fd, bytes) -> how many the kernel took, or nil
static int raw_fill(lua_State *L) {
    size_t size;
    const char *bytes = luaL_checklstring(L, 2, &size);
    return result(L, send(check_fd(L), bytes, size, MSG_DONTWAIT));
}

// raw.resident() -> bytes of this process that are in memory
static int raw_resident(lua_State *L) {
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) pages = -1;
    if (file) fclose(file);
    return result(L, pages * sysconf(_SC_PAGESIZE));
}

// raw.allocated() -> bytes that malloc has given out (0 under ASan)
static int raw_allocated(lua_State *L) {
    struct mallinfo2 info = mallinfo2();
    return result(L, (long)(info.uordblks + info.hblkhd));
}

int luaopen_raw(lua_State *L) {
    static const luaL_Reg functions[] = {{"close", raw_close},
                                         {"dup", raw_dup},
                                         {"pid", raw_pid},
                                         {"recv", raw_recv},
                                         {"open", raw_open},
                                         {"pair", raw_pair},
                                         {"listener", raw_listener},
                                         {"blocks", raw_blocks},
                                         {"unblock", raw_unblock},
                                         {"nodelay", raw_nodelay},
                                         {"abort", raw_abort},
                                         {"limit", raw_limit},
                                         {"count", raw_count},
                                         {"threads", raw_threads},
                                         {"polls", raw_polls},
                                         {"fill", raw_fill},
                                         {"resident", raw_resident},
                                         {"allocated", raw_allocated},
                                         {"pipe", raw_pipe},
                                         {"read", raw_read},
                                         {"write", raw_write},
                                         {"dup2", raw_dup2},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
