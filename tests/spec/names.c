// SPDX-License-Identifier: MIT
// Names: a resolver whose names are made up, preloaded into a command by
// tests/spec/names_spec.lua.
//
//     NAMES="two=::1,127.0.0.1 slow@1000=127.0.0.1 again=!-3"
//
// `two` has two addresses, `slow` takes a second, `again` gives EAI_AGAIN; no
// other name exists. Each call is written down on stderr if NAMES_TOLD is set.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { WORD_MAX = 1024 };

static void take_time(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

// The entry's addresses, or NULL; waits as long as it says.
static const char *look_up(const char *name) {
    const char *at = getenv("NAMES");
    size_t length = strlen(name);
    while (at && *at) {
        const char *end = strchr(at, ' '), *rest = at + length;
        if (strncmp(at, name, length) == 0 && (*rest == '=' || *rest == '@')) {
            char *after = (char *)rest;
            if (*rest == '@') take_time(strtol(rest + 1, &after, 10));
            return after + 1;
        }
        at = end ? end + 1 : NULL;
    }
    return NULL;
}

// The C library's parameters have names that no program may use.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
int getaddrinfo(const char *host, const char *service,
                const struct addrinfo *hints, struct addrinfo **list) {
    int (*real)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (getenv("NAMES_TOLD")) fprintf(stderr, "asked for %s\n", host);
    const char *found = look_up(host);
    if (!found) return EAI_NONAME;
    if (*found == '!') return atoi(found + 1);
    char word[WORD_MAX];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(found, " "), found);
    struct addrinfo numeric = *hints, **end = list;
    numeric.ai_flags = AI_NUMERICHOST;
    char *rest;
    for (char *one = strtok_r(word, ",", &rest); one;
         one = strtok_r(NULL, ",", &rest)) {
        int rc = real(one, service, &numeric, end);
        if (rc) return rc; // a test's list is short: what it holds may leak
        while (*end) end = &(*end)->ai_next;
    }
    return 0;
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
    int (*real)(int, const struct sockaddr *, socklen_t);
    *(void **)&real = dlsym(RTLD_NEXT, "connect");
    if (getenv("SELF")) bind(fd, address, size);
    return real(fd, address, size);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
