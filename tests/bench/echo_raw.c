// SPDX-License-Identifier: MIT
// Echo_raw: the least that an echo server costs: epoll, one read, one write.
//
//     echo_raw PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256 };

static char buffer[65536];

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) exit(1);
    if (listen(fd, 4096) < 0) exit(1);
    return fd;
}

static void watch(int queue, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
}

static void accept_all(int queue, int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(queue, fd);
    }
}

static void echo(int fd) {
    ssize_t size = read(fd, buffer, sizeof buffer);
    if (size <= 0 || write(fd, buffer, (size_t)size) < 0) close(fd);
}

int main(int argc, char **argv) {
    struct epoll_event events[EVENTS];
    if (argc != 2) return 2;
    int listener = listen_on(atoi(argv[1])), queue = epoll_create1(0);
    watch(queue, listener);
    for (;;) {
        int count = epoll_wait(queue, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == listener) accept_all(queue, listener);
            else echo(events[i].data.fd);
    }
}
