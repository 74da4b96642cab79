// SPDX-License-Identifier: MIT
// Fault: what the environment asks for, the counts, and the storm (fault.h).
//
// Calls are counted by name in a short table; the pool's threads make some, so
// the counts are atomic and the table is taken row by row under a lock.
#include "tests/fault/fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "tests/descriptors.h"

enum { CALLS_MAX = 64 }; // names; sys.h has fewer than 40

static struct {
    const char *name; // a literal
    unsigned count;
} calls[CALLS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char target[32]; // the call that fails
static int number;      // its errno
static unsigned nth;    // which of its occurrences; 0: none
static bool struck;     // it has
static int at_start;    // descriptors open then
bool fault_one_byte, fault_offline;

// The calls of this name so far, this one included.
static unsigned count_call(const char *call) {
    int row = 0;
    while (row < CALLS_MAX - 1 && calls[row].name &&
           strcmp(calls[row].name, call) != 0)
        row++;
    calls[row].name = call;
    return ++calls[row].count;
}

bool fault_strikes(const char *call) {
    pthread_mutex_lock(&lock);
    unsigned count = count_call(call);
    bool strikes = count == nth && strcmp(call, target) == 0;
    if (strikes) struck = true;
    pthread_mutex_unlock(&lock);
    if (strikes) errno = number;
    return strikes;
}

static void ignore(int signal) { (void)signal; }

static void begin_storm(void) {
    struct itimerval often = {{0, 1000}, {0, 1000}};
    struct sigaction action = {.sa_handler = ignore}; // no SA_RESTART
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

__attribute__((constructor)) static void begin(void) {
    const char *fault = getenv("NEAP_FAULT");
    if (fault && sscanf(fault, "%31s %d %u", target, &number, &nth) != 3) {
        fprintf(stderr, "NEAP_FAULT: not CALL ERRNO OCCURRENCE\n");
        _exit(2);
    }
    fault_one_byte = getenv("NEAP_ONE_BYTE") != NULL;
    fault_offline = getenv("NEAP_OFFLINE") != NULL;
    at_start = count_descriptors();
    if (getenv("NEAP_STORM")) begin_storm();
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("NEAP_FAULT_LOG");
    int left = count_descriptors() - at_start;
    FILE *log = path ? fopen(path, "a") : NULL;
    if (!log) return;
    for (int row = 0; row < CALLS_MAX && calls[row].name; row++)
        fprintf(log, "%s=%u ", calls[row].name, calls[row].count);
    fprintf(log, "struck=%d left=%d\n", struck, left);
    fclose(log);
}
