// SPDX-License-Identifier: MIT
// Stream_raw: the least that the work of tests/bench/streams.lua costs, and the
// peer of its sender.
//
//     stream_raw copy     MB per CPU second: a loop that writes into a
//                         socketpair until it is full, then reads it empty
//     stream_raw lines    the same, each line found and made a Lua string
//     stream_raw drain [COMMAND...]    MB per CPU second of both ends, of one
//                         GiB that a child sends: the command, with the
//                         descriptor as its last argument; or a loop
#define _GNU_SOURCE
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 65536, LINE = 80, SOURCE = 1 << 20, LINES = 1310720 };

static const size_t gib = (size_t)1 << 30;

static char block[BLOCK * 2]; // bytes that were read
static size_t held;           // a line's beginning, at its front

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void print_rate(size_t size, double spent) {
    printf("%.0f\n", (double)size / 1e6 / spent);
}

static char *make_source(size_t size) {
    char *bytes = malloc(size);
    if (!bytes) exit(1);
    memset(bytes, 'x', size);
    for (size_t i = LINE - 1; i < size; i += LINE) bytes[i] = '\n';
    return bytes;
}

// ---- both ends in one loop

// The lines of what was read, each pushed and popped.
static void split(lua_State *L, size_t size) {
    char *start = block, *end = block + held + size, *stop;
    while ((stop = memchr(start, '\n', (size_t)(end - start)))) {
        lua_pushlstring(L, start, (size_t)(stop - start));
        lua_settop(L, 0);
        start = stop + 1;
    }
    held = (size_t)(end - start);
    memmove(block, start, held);
}

static size_t empty(int fd, lua_State *L) {
    size_t sum = 0;
    ssize_t n;
    while ((n = recv(fd, block + held, BLOCK, MSG_DONTWAIT)) > 0) {
        sum += (size_t)n;
        if (L) split(L, (size_t)n);
    }
    return sum;
}

static void copy(size_t size, size_t part, lua_State *L) {
    int pair[2];
    size_t sent = 0, got = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) exit(1);
    char *bytes = make_source(part);
    double since = seconds(CLOCK_PROCESS_CPUTIME_ID);
    while (got < size) {
        ssize_t n = 1;
        while (sent < size && n > 0) {
            size_t from = sent % part;
            n = send(pair[0], bytes + from, part - from, MSG_DONTWAIT);
            if (n > 0) sent += (size_t)n;
        }
        got += empty(pair[1], L);
    }
    print_rate(size, seconds(CLOCK_PROCESS_CPUTIME_ID) - since);
}

// ---- a child that sends

static void send_all(int fd) {
    const char *bytes = make_source(gib);
    struct pollfd room = {fd, POLLOUT, 0};
    for (size_t sent = 0; sent < gib;) {
        ssize_t n = send(fd, bytes + sent, gib - sent, MSG_DONTWAIT);
        if (n > 0) sent += (size_t)n;
        else poll(&room, 1, -1);
    }
}

static void be_child(int fd, char **command, int count) {
    char number[16];
    if (count > 0) {
        snprintf(number, sizeof number, "%d", fd);
        command[count] = number; // where the list's NULL stood
        execvp(*command, command);
        exit(1);
    }
    send_all(fd);
    pause(); // until its time was read
}

static void drain(char **command, int count) {
    int pair[2];
    clockid_t clock;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) exit(1);
    char **with_number = calloc((size_t)count + 2, sizeof *with_number);
    memcpy(with_number, command, (size_t)count * sizeof *command);
    pid_t child = fork();
    if (child == 0) be_child(pair[0], with_number, count);
    clock_getcpuclockid(child, &clock);
    ssize_t n = recv(pair[1], block, 1, 0); // it has its source by now
    double since = seconds(clock) + seconds(CLOCK_PROCESS_CPUTIME_ID);
    size_t got = n > 0 ? 1 : 0;
    while (n > 0 && got < gib) {
        n = recv(pair[1], block, BLOCK, 0);
        if (n > 0) got += (size_t)n;
    }
    double spent = seconds(clock) + seconds(CLOCK_PROCESS_CPUTIME_ID) - since;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (got == gib) print_rate(got, spent);
}

int main(int argc, char **argv) {
    const char *work = argc > 1 ? argv[1] : "";
    if (strcmp(work, "copy") == 0) copy(gib, SOURCE, NULL);
    else if (strcmp(work, "lines") == 0)
        copy((size_t)LINES * LINE, LINE * 1024, luaL_newstate());
    else if (strcmp(work, "drain") == 0) drain(argv + 2, argc - 2);
    else return fputs("stream_raw copy | lines | drain\n", stderr), 2;
    return 0;
}
