// SPDX-License-Identifier: MIT
// Crowd_load: very many connections to an echo server, each of which sends a
// message once a second, evenly spread, for some seconds; then they are silent
// for as long.
//
//     crowd_load PORT PID CONNECTIONS SECONDS
//
// Prints of the server, which has that PID: echoes that did not come within two
// seconds, the 99th of a hundred round trips in microseconds, its memory in
// bytes for each connection, and what share of a core the silent ones took, in
// percent.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 1024, HOSTS = 50, CONNECTIONS_MAX = 1 << 16 };

static const char message[64] = "Here I am.";
static int sockets[CONNECTIONS_MAX]; // by number of the connection
static double sent[CONNECTIONS_MAX]; // when it spoke last; 0: it was answered
static double *trips;                // how long each took
static unsigned long spoken, heard;
static int count, queue, server;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// ---- of the server's process

static double resident(void) {
    char path[64];
    long size = 0, pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", server);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2) exit(1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double processor_time(void) {
    char path[64];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", server);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file,
                        "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                        "%lu %lu",
                        &user, &kernel) != 2)
        exit(1);
    fclose(file);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

// ---- connections

static void reach(int port, int number) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % HOSTS);
    bind(fd, (struct sockaddr *)&address, sizeof address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((unsigned short)port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("crowd_load: connect");
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
    sockets[number] = fd;
}

// Who was not answered in a second has nothing to say.
static void speak(int number) {
    if (sent[number] > 0) return;
    sent[number] = now();
    spoken++;
    if (write(sockets[number], message, sizeof message) < 0) exit(1);
}

static void listen_for(double seconds) {
    struct epoll_event events[EVENTS];
    char answer[64];
    int wait_ms = seconds > 0 ? (int)(seconds * 1e3) : 0;
    int ready = epoll_wait(queue, events, EVENTS, wait_ms);
    double time = now();
    for (int i = 0; i < ready; i++) {
        int number = (int)events[i].data.u32;
        if (read(sockets[number], answer, sizeof answer) <= 0) exit(1);
        trips[heard++] = time - sent[number];
        sent[number] = 0;
    }
}

static int longer(const void *a, const void *b) {
    double one = *(const double *)a, two = *(const double *)b;
    return one < two ? -1 : one > two;
}

int main(int argc, char **argv) {
    struct rlimit files = {1 << 17, 1 << 17};
    if (argc != 5) return 2;
    server = atoi(argv[2]);
    count = atoi(argv[3]);
    double seconds = atof(argv[4]);
    trips = calloc((size_t)count * ((size_t)seconds + 1), sizeof *trips);
    setrlimit(RLIMIT_NOFILE, &files);
    queue = epoll_create1(0);
    usleep(500000); // the server begins to listen
    double before = resident();
    for (int i = 0; i < count; i++) reach(atoi(argv[1]), i);
    double start = now() + 0.2;
    for (long turn = 0; turn < count * (long)seconds; turn++) {
        double due = start + (double)turn / count;
        while (now() < due) listen_for(due - now());
        speak((int)(turn % count));
    }
    double end = now() + 2;
    while (now() < end && heard < spoken) listen_for(end - now());
    double memory = (resident() - before) / count, used = processor_time();
    sleep((unsigned)seconds);
    used = processor_time() - used;
    qsort(trips, heard, sizeof *trips, longer);
    printf("%lu %.0f %.0f %.2f\n",
           (unsigned long)count * (unsigned long)seconds - heard,
           trips[heard * 99 / 100] * 1e6, memory, used / seconds * 100);
    return 0;
}
