// SPDX-License-Identifier: MIT
// Accept_load: connections that come and go: connect, one byte each way, close;
// so many at once, for some seconds. Prints how many came full circle.
//
//     accept_load PORT AT_ONCE SECONDS
//
// A closed connection keeps its pair of ports for a minute: the clients come
// from many addresses.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, HOSTS = 200 };

static struct sockaddr_in server;
static int queue;            // epoll's
static unsigned long visits; // connections begun

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

// Connects and sends its byte; loopback does both at once.
static void visit(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in own = {.sin_family = AF_INET};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + visits++ % HOSTS);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) fail("bind");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        fail("accept_load: connect");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
    if (write(fd, "x", 1) != 1) fail("write");
}

static void leave(int fd) {
    char byte;
    if (read(fd, &byte, 1) != 1) fail("accept_load: read");
    close(fd);
}

int main(int argc, char **argv) {
    struct epoll_event events[EVENTS];
    unsigned long trips = 0;
    if (argc != 4) return 2;
    server =
        (struct sockaddr_in){.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)atoi(argv[1])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    usleep(300000); // the server begins to listen
    queue = epoll_create1(0);
    double end = now() + atof(argv[3]);
    for (int i = 0; i < atoi(argv[2]); i++) visit();
    while (now() < end) {
        int count = epoll_wait(queue, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            leave(events[i].data.fd);
            visit();
            trips++;
        }
    }
    printf("%lu\n", trips);
    return 0;
}
