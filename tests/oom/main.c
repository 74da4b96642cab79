// SPDX-License-Identifier: MIT
// Main: which points there are, and the processes they run in.
//
//     neap-oom full [WORDS]             every point, of cases so called
//     neap-oom sample COUNT             so many of each program, host and mode
//     neap-oom list                     names
//     neap-oom calls                    each once, and what it calls
//     neap-oom PROGRAM@HOST MODE N      one point
//
// To be run in the project's root. A worker for each processor takes its share
// of the points, one after the other, and writes down which one it is at, so
// that one which ends the worker is known. Another worker goes on behind it.
#define _DEFAULT_SOURCE
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/oom/oom.h"

enum {
    SECONDS = 5,      // that a point may take
    LOST_MAX = 20,    // workers lost to a case that is then left
    WORKERS_MAX = 64, //
    CASES_MAX = 4000, // programs, each with each host and mode
    LABEL_MAX = 100   // characters of a case's name
};

typedef struct place { // of a worker on its way through the cases
    int it;            // which case
    long n;            // which request
    int lost;          // workers in this case
    long points, survived, crashed, hung, wrong;
    char words[OOM_WORDS];
} place;

static oom_point cases[CASES_MAX]; // n: how many requests, for a sample
static int case_count, program_count;
static int workers;   // how many
static long sample;   // points of each case; 0: all
static place *places; // shared with the workers
static pid_t parent;  // of the workers

// ---- the cases

// "tasks.gather@open once"
static void name_case(const oom_point *it, char *name) {
    snprintf(name, LABEL_MAX, "%s@%s %s", it->program->name, it->host->name,
             oom_mode_names[it->mode]);
}

static bool is_wanted(const oom_point *it, const char *words) {
    const char *only = it->program->only;
    char name[LABEL_MAX];
    name_case(it, name);
    return strstr(name, words) && (!only || strcmp(only, it->host->name) == 0);
}

static void add_case(oom_point it, const char *words) {
    if (is_wanted(&it, words)) cases[case_count++] = it;
}

static void add_cases(const oom_program *program, int count,
                      const char *words) {
    program_count += count;
    for (int i = 0; i < count; i++)
        for (const oom_host *host = oom_hosts; host->name; host++)
            for (int mode = 0; mode < OOM_MODES; mode++)
                add_case((oom_point){program + i, host, (oom_mode)mode, 0},
                         words);
}

typedef const oom_program *list_fn(int *count);

static list_fn *const lists[] = {oom_native_programs, oom_promise_programs,
                                 oom_limit_programs, oom_stdio_programs,
                                 oom_lua_programs};

static void find_cases(const char *words) {
    int count;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const oom_program *list = lists[i](&count);
        add_cases(list, count, words);
    }
}

static void say(const char *what, const oom_point *it, long n) {
    char name[LABEL_MAX];
    name_case(it, name);
    printf("%s %ld: %s\n", name, n, what);
    fflush(stdout);
}

// ---- one point after the other

// The next request of a sample, at random, but the same each time.
static long draw(uint64_t *seed, long count) {
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return count > 0 ? (long)((*seed >> 33) % (uint64_t)count) : 0;
}

// Whether a request was refused.
static bool live_at(place *at) {
    oom_point point = cases[at->it];
    point.n = at->n;
    if (getppid() != parent) exit(1); // it was ended
    alarm(SECONDS);
    bool struck = oom_live(point, at->words, false);
    alarm(0);
    if (!struck && !*at->words) return false;
    at->points++;
    at->survived += !*at->words;
    at->wrong += *at->words != '\0';
    if (*at->words) say(at->words, &point, at->n);
    return struck;
}

static void work_through(place *at, int mine) {
    for (; at->it < case_count; at->it++, at->n = mine, at->lost = 0)
        while (live_at(at)) at->n += workers;
}

static long count_requests(place *at) {
    at->n = LONG_MAX / 2; // none is refused
    live_at(at);
    return oom_counted().requests;
}

// A crash loses the rest of its case.
static void work_sample(place *at, int mine) {
    for (; at->it < case_count; at->it++) {
        if (at->it % workers != mine) continue;
        long count = count_requests(at);
        uint64_t seed = (uint64_t)at->it;
        for (long i = 0; i < sample && count > 0; i++) {
            at->n = draw(&seed, count);
            live_at(at);
        }
    }
}

// ---- workers

static pid_t start(int mine) {
    place *at = &places[mine];
    pid_t pid = fork();
    if (pid != 0) return pid;
    if (sample) work_sample(at, mine);
    else work_through(at, mine);
    exit(0);
}

// The point ended its worker: 0 if it was the last thing it had to do.
static pid_t go_on(int mine, int status) {
    place *at = &places[mine];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    char what[OOM_WORDS];
    snprintf(what, sizeof what, "%s (%s %d)", hung ? "hung" : "crashed",
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    say(what, &cases[at->it], at->n);
    at->points++;
    at->hung += hung;
    at->crashed += !hung;
    at->n += workers;
    if (sample || ++at->lost == LOST_MAX) {
        at->it++;
        at->n = mine;
        at->lost = 0;
    }
    return start(mine);
}

static void run_workers(void) {
    pid_t pids[WORKERS_MAX];
    int left = workers, status;
    for (int i = 0; i < workers; i++) {
        places[i].n = i;
        pids[i] = start(i);
    }
    while (left > 0) {
        pid_t pid = wait(&status);
        for (int i = 0; i < workers; i++)
            if (pids[i] == pid && (pids[i] = go_on(i, status)) == 0) left--;
    }
}

static int sum_up(void) {
    place sums = {0};
    for (int i = 0; i < workers; i++) {
        sums.points += places[i].points;
        sums.survived += places[i].survived;
        sums.crashed += places[i].crashed;
        sums.hung += places[i].hung;
        sums.wrong += places[i].wrong;
    }
    printf("%ld points in %d programs, %ld survived; %ld crashed, %ld hung, "
           "%ld went wrong\n",
           sums.points, program_count, sums.survived, sums.crashed, sums.hung,
           sums.wrong);
    return sums.points > 0 && sums.points == sums.survived ? 0 : 1;
}

static int run_all(void) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    workers = processors < WORKERS_MAX ? (int)processors : WORKERS_MAX;
    size_t size = sizeof *places * (size_t)workers;
    places = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (places == MAP_FAILED) return 2;
    parent = getpid();
    run_workers();
    return sum_up();
}

// ---- one

static int run_one(char **arg) {
    char asked[LABEL_MAX], name[LABEL_MAX], words[OOM_WORDS];
    snprintf(asked, sizeof asked, "%s %s", arg[0], arg[1]);
    for (int i = 0; i < case_count; i++) {
        oom_point it = cases[i];
        name_case(&it, name);
        if (strcmp(name, asked) != 0) continue;
        it.n = strtol(arg[2], NULL, 10);
        alarm(SECONDS);
        bool struck = oom_live(it, words, true);
        say(*words   ? words
            : struck ? "survived"
                     : "nothing refused",
            &it, it.n);
        return *words != '\0';
    }
    fprintf(stderr, "no such program, host or mode\n");
    return 2;
}

static int list(void) {
    for (int i = 0; i < case_count; i += OOM_MODES)
        printf("%s@%s\n", cases[i].program->name, cases[i].host->name);
    return 0;
}

// No request is refused.
static int call_all(void) {
    char words[OOM_WORDS];
    oom_announce_calls();
    for (int i = 0; i < case_count; i++) {
        oom_point it = cases[i];
        if (i > 0 && it.program == cases[i - 1].program) continue;
        it.n = LONG_MAX / 2;
        oom_live(it, words, false);
    }
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "full";
    const char *which = argc == 3 ? argv[2] : "";
    if (!oom_read_programs()) return 2;
    if (strcmp(what, "sample") == 0) sample = strtol(which, NULL, 10);
    find_cases(sample ? "" : which);
    if (argc == 4) return run_one(argv + 1);
    if (strcmp(what, "calls") == 0) return call_all();
    return strcmp(what, "list") == 0 ? list() : run_all();
}
