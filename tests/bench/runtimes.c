// SPDX-License-Identifier: MIT
// Runtimes: what opening, using and closing one costs, and what it leaves.
//
// COUNT runtimes, one after the other in each of the threads. Prints
// microseconds of CPU for each, and by how many KiB the process has grown since
// the first tenth of them; descriptors that were left end it with an error.
//
//     runtimes COUNT THREADS [CODE]       without CODE they are not used
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <neap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 16 };

static const char *code; // what each runs; NULL: nothing
static int count;        // for each thread

static void stop(const char *why) {
    fprintf(stderr, "runtimes: %s\n", why);
    exit(1);
}

static long resident_kib(void) {
    long all, pages;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &all, &pages) != 2) stop("no /proc");
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int next_fd(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (close(fd) < 0) stop("no descriptor");
    return fd;
}

static void *live(void *arg) {
    int times = *(int *)arg;
    for (int i = 0; i < times; i++) {
        neap_runtime *rt = neap_open(NULL);
        if (!rt) stop("no memory");
        if (code && neap_dostring(rt, code, "=code") < 0) stop(neap_error(rt));
        neap_close(rt);
    }
    return NULL;
}

static void live_in_threads(int threads, int times) {
    pthread_t ids[THREADS_MAX];
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, live, &times)) stop("no thread");
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    int threads = argc > 2 ? atoi(argv[2]) : 0, fd = next_fd();
    if (threads < 1 || threads > THREADS_MAX) stop("COUNT THREADS [CODE]");
    count = atoi(argv[1]) / threads;
    code = argv[3];
    live_in_threads(threads, count / 10);
    long before_kib = resident_kib();
    double since = seconds();
    live_in_threads(threads, count - count / 10);
    double each = (seconds() - since) / (count - count / 10) / threads;
    printf("%.1f %ld\n", each * 1e6, resident_kib() - before_kib);
    if (next_fd() != fd) stop("descriptors were left open");
    return 0;
}
