// SPDX-License-Identifier: MIT
//
// A thousand runtimes, one after the other, as many in each of two threads, and
// two hundred at once (Y18): memory and descriptors are flat. (For 10^5 of them
// see tests/bench/runtimes.c.) Where there are no descriptors left, neap_open
// says so.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

#ifdef __SANITIZE_THREAD__ // takes megabytes for each, and keeps them
enum { TIMES = 50 };
#else
enum { TIMES = 1000 };
#endif

enum {
    AT_ONCE = 200,
    FDS_MAX = 1024,
    LEFT_MAX = 4096 // bytes of a closed runtime that a living state keeps
};

static atomic_size_t bytes; // held by all runtimes and states

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    (void)ud;
    bytes += nsize - (ptr ? osize : 0);
    if (nsize > 0) return realloc(ptr, nsize);
    free(ptr);
    return NULL;
}

static int count_fds(void) {
    int count = 0;
    for (int fd = 0; fd < FDS_MAX; fd++) count += lseek(fd, 0, SEEK_CUR) >= 0;
    for (int fd = 0; fd < FDS_MAX; fd++) { // those that cannot be sought
        int copy = dup(fd);
        if (copy < 0) continue;
        count++;
        close(copy);
    }
    return count;
}

static neap_runtime *open(void) {
    neap_config config = NEAP_CONFIG_INIT;
    config.allocator = allocate;
    return neap_open(&config);
}

static void use(neap_runtime *rt) {
    neap_poll_fd(rt);
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "a, b = neap.socketpair()\n"
                        "neap.spawn(function() b:send('x') end)\n"
                        "assert(a:recv() == 'x')\n"
                        "neap.sleep(0)",
                        "=use") == 0);
}

static void open_and_close(void) {
    neap_runtime *rt = open();
    CHECK(rt);
    use(rt);
    neap_close(rt);
}

// Pages in memory: what the library's own allocator did not give back.
static long resident(void) {
#ifdef __SANITIZE_ADDRESS__ // keeps what was freed, to watch it
    return 0;
#endif
    long all, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0; // only Linux tells
    CHECK(fscanf(file, "%ld %ld", &all, &pages) == 2);
    fclose(file);
    return pages;
}

static void be_flat(void) {
    open_and_close();
    int fds = count_fds();
    CHECK(bytes == 0);
    for (int i = 0; i < TIMES; i++) open_and_close();
    CHECK(bytes == 0 && count_fds() == fds);
    for (int i = 0; i < TIMES; i++) {
        neap_runtime *rt = neap_open(NULL);
        CHECK(rt);
        neap_close(rt);
        if (i == TIMES / 10) bytes = (size_t)resident();
    }
    CHECK(resident() <= (long)bytes + 256); // a megabyte of 4 KiB pages
    bytes = 0;
    CHECK(count_fds() == fds);
}

static void *live(void *arg) {
    for (int i = 0; i < TIMES; i++) open_and_close();
    return arg;
}

static void live_in_two_threads(void) {
    pthread_t thread;
    int fds = count_fds();
    CHECK(pthread_create(&thread, NULL, live, NULL) == 0);
    live(NULL);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(bytes == 0 && count_fds() == fds);
}

static void attach_and_close(void) {
    int fds = count_fds();
    lua_State *L = lua_newstate(allocate, NULL);
    CHECK(L);
    luaL_openlibs(L);
    size_t before = 0;
    for (int i = 0; i < TIMES; i++) {
        neap_runtime *rt = neap_attach(L, NULL);
        CHECK(rt);
        use(rt);
        neap_close(rt);
        lua_gc(L, LUA_GCCOLLECT, 0);
        if (i == TIMES / 10) before = bytes;
        CHECK(i < TIMES / 10 || bytes <= before + (size_t)i * LEFT_MAX);
    }
    CHECK(count_fds() == fds);
    lua_close(L);
    CHECK(bytes == 0);
}

static void have_many(void) {
    static neap_runtime *all[AT_ONCE];
    int fds = count_fds();
    for (int i = 0; i < AT_ONCE; i++) CHECK((all[i] = open()));
    for (int i = 0; i < AT_ONCE; i++)
        CHECK(neap_dostring(all[i], "require 'neap'.sleep(0)", "=i") == 0);
    for (int i = 0; i < AT_ONCE; i++) neap_close(all[i]);
    CHECK(bytes == 0 && count_fds() == fds);
}

// However many descriptors there are, neap_open gives a runtime or NULL.
static void have_none_left(void) {
    struct rlimit limit, least;
    int fds = count_fds(), opened = 0;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (int most = 0; most < FDS_MAX && opened < 2; most++) {
        least = limit;
        least.rlim_cur = (rlim_t)most;
        CHECK(setrlimit(RLIMIT_NOFILE, &least) == 0);
        neap_runtime *rt = open();
        CHECK(rt || opened == 0);
        opened += rt != NULL;
        if (rt) CHECK(neap_dostring(rt, "return", "=least") == 0);
        neap_close(rt);
    }
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(opened == 2 && bytes == 0 && count_fds() == fds);
}

int main(void) {
    be_flat();
    live_in_two_threads();
    attach_and_close();
    have_many();
    have_none_left();
    return 0;
}
