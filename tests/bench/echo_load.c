// SPDX-License-Identifier: MIT
// Echo_load: connections that each send a message and wait for its echo, for
// some seconds. Prints the round trips that came full circle.
//
//     echo_load PORT CONNECTIONS BYTES SECONDS
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, PATIENCE = 500 }; // tries to connect, 10 ms apart

static char message[65536], answer[65536];
static size_t size;         // of a message
static size_t got[65536];   // by descriptor: bytes of the echo so far
static unsigned long trips; // round trips

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void speak(int fd) {
    got[fd] = 0;
    if (write(fd, message, size) != (ssize_t)size) exit(1);
}

static int reach(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int tries = 0; tries < PATIENCE; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        close(fd);
        usleep(10000);
    }
    perror("echo_load: connect");
    exit(1);
}

static void listen_to(int fd) {
    ssize_t n = read(fd, answer, sizeof answer);
    if (n <= 0) exit(1);
    got[fd] += (size_t)n;
    if (got[fd] < size) return;
    trips++;
    speak(fd);
}

int main(int argc, char **argv) {
    struct epoll_event events[EVENTS];
    if (argc != 5) return 2;
    int queue = epoll_create1(0), connections = atoi(argv[2]);
    size = (size_t)atoi(argv[3]);
    memset(message, 'x', sizeof message);
    for (int i = 0; i < connections; i++) {
        int fd = reach(atoi(argv[1]));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
        speak(fd);
    }
    double end = now() + atof(argv[4]);
    while (now() < end) {
        int count = epoll_wait(queue, events, EVENTS, 100);
        for (int i = 0; i < count; i++) listen_to(events[i].data.fd);
    }
    printf("%lu\n", trips);
    return 0;
}
