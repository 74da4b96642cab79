// SPDX-License-Identifier: MIT
// Sys: errno turned into results, and nothing else (see sys.h).
#define _GNU_SOURCE
#include "bindings/sys.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int neap_sys_blocks(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : !(flags & O_NONBLOCK);
}

ssize_t neap_sys_read(int fd, void *bytes, size_t size) {
    ssize_t n;
    do n = read(fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t neap_sys_write(int fd, const void *bytes, size_t size) {
    ssize_t n;
    do n = write(fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int neap_sys_fstat(int fd, struct stat *about) {
    assert(about);
    return fstat(fd, about) < 0 ? -errno : 0;
}

int neap_sys_lstat(const char *path, struct stat *about) {
    assert(path && about);
    return lstat(path, about) < 0 ? -errno : 0;
}

int neap_sys_unlink(const char *path) {
    assert(path);
    return unlink(path) < 0 ? -errno : 0;
}

int neap_sys_resolve(const char *host, const char *service,
                     struct addrinfo **list) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    return getaddrinfo(host, service, &hints, list);
}
