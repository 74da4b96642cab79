-- SPDX-License-Identifier: MIT
--
-- The system calls of the sys seam (core/sys.c, bindings/sys.c) and of the
-- poller, and what each can fail with: the errnos of its manual page, as far as
-- our arguments can bring them about (no bad addresses; a descriptor may be
-- bad, since scripts close them behind our back).
--
-- A new call there needs a row here, a #define in seam.h, a function in
-- calls.c, and a program that makes it; sweep.lua names what is missing.

local calls = {}

calls.errnos = {
    -- sockets
    socket = "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM " ..
        "EPROTONOSUPPORT",
    socketpair = "EAFNOSUPPORT EMFILE ENFILE ENOMEM EOPNOTSUPP " ..
        "EPROTONOSUPPORT",
    accept4 = "EAGAIN EBADF ECONNABORTED EINTR EINVAL EMFILE ENFILE " ..
        "ENOBUFS ENOMEM ENOTSOCK EOPNOTSUPP EPERM EPROTO ENETDOWN " ..
        "ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH ENETUNREACH ETIMEDOUT",
    bind = "EACCES EADDRINUSE EADDRNOTAVAIL EBADF EINVAL ELOOP " ..
        "ENAMETOOLONG ENOBUFS ENOENT ENOMEM ENOTDIR ENOTSOCK EROFS",
    listen = "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP",
    connect = "EACCES EPERM EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN " ..
        "EALREADY EBADF ECONNREFUSED ECONNRESET EHOSTUNREACH EINPROGRESS " ..
        "EINTR EISCONN ENETUNREACH ENOBUFS ENOENT ENOTSOCK EPROTOTYPE " ..
        "ETIMEDOUT",
    shutdown = "EBADF EINVAL ENOBUFS ENOTCONN ENOTSOCK",
    getsockname = "EBADF EINVAL ENOBUFS ENOTSOCK",
    getpeername = "EBADF EINVAL ENOBUFS ENOTCONN ENOTSOCK",
    getsockopt = "EBADF EINVAL ENOBUFS ENOMEM ENOPROTOOPT ENOTSOCK",
    setsockopt = "EACCES EBADF EDOM EINVAL EISCONN ENOBUFS ENOMEM " ..
        "ENOPROTOOPT ENOTSOCK",
    close = "EBADF EDQUOT EINTR EIO ENOSPC",

    -- transfers
    recv = "EAGAIN EBADF ECONNREFUSED ECONNRESET EHOSTUNREACH EINTR EINVAL " ..
        "EIO ENETUNREACH ENOBUFS ENOMEM ENOTCONN ENOTSOCK ETIMEDOUT",
    send = "EACCES EAGAIN EBADF ECONNREFUSED ECONNRESET EDESTADDRREQ " ..
        "EHOSTUNREACH EINTR EINVAL EIO EISCONN EMSGSIZE ENETDOWN " ..
        "ENETUNREACH ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPIPE " ..
        "ETIMEDOUT",
    read = "EAGAIN EBADF ECONNRESET EINTR EINVAL EIO EISDIR ENOMEM",
    write = "EAGAIN EBADF EDQUOT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE",

    -- descriptors of any kind, paths, threads, names
    fcntl = "EACCES EBADF EINVAL",
    fstat = "EBADF EIO ENOMEM EOVERFLOW",
    lstat = "EACCES EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EOVERFLOW",
    pipe2 = "EINVAL EMFILE ENFILE",
    poll = "EINTR EINVAL ENOMEM",
    pthread_create = "EAGAIN EPERM",
    getaddrinfo = "EAI_AGAIN EAI_FAIL EAI_MEMORY EAI_NODATA EAI_NONAME " ..
        "EAI_SERVICE EAI_SYSTEM",
    unlink = "EACCES EBUSY EIO EISDIR ELOOP ENAMETOOLONG ENOENT ENOMEM " ..
        "ENOTDIR EPERM EROFS",

    -- the poller; what it cannot wait for at all ends the program, in words
    epoll_ctl = "EBADF ENOMEM ENOSPC EPERM",
    epoll_wait = "EINTR",
    poll_wait = "EAGAIN EINTR ENOMEM",
    epoll_pwait2 = "EINTR ENOSYS EPERM",
}

-- Datagrams add what can be told of one; the rest is as in recv and send.
calls.errnos.recvmsg = calls.errnos.recv
calls.errnos.sendmsg = calls.errnos.send .. " EADDRNOTAVAIL EAFNOSUPPORT"

-- What the seam uses besides, and cannot fail: pthread_detach is told its own
-- thread.
calls.sure = {pthread_detach = true, pthread_sigmask = true, sigfillset = true}

-- What one backend of the poller calls and the other does not.
calls.backend = {epoll_ctl = true, epoll_wait = true, epoll_pwait2 = true,
    poll_wait = true, pipe2 = true}

calls.numbers = {
    EPERM = 1, ENOENT = 2, EINTR = 4, EIO = 5, EBADF = 9, EAGAIN = 11,
    ENOMEM = 12, EACCES = 13, EBUSY = 16, ENOTDIR = 20, EISDIR = 21,
    EINVAL = 22, ENFILE = 23, EMFILE = 24, EFBIG = 27, ENOSPC = 28,
    EROFS = 30, EPIPE = 32, EDOM = 33, ENAMETOOLONG = 36, ENOSYS = 38,
    ELOOP = 40, ENONET = 64, EPROTO = 71, EOVERFLOW = 75, ENOTSOCK = 88,
    EDESTADDRREQ = 89, EMSGSIZE = 90, EPROTOTYPE = 91, ENOPROTOOPT = 92,
    EPROTONOSUPPORT = 93, EOPNOTSUPP = 95, EAFNOSUPPORT = 97,
    EADDRINUSE = 98, EADDRNOTAVAIL = 99, ENETDOWN = 100, ENETUNREACH = 101,
    ECONNABORTED = 103, ECONNRESET = 104, ENOBUFS = 105, EISCONN = 106,
    ENOTCONN = 107, ETIMEDOUT = 110, ECONNREFUSED = 111, EHOSTDOWN = 112,
    EHOSTUNREACH = 113, EALREADY = 114, EINPROGRESS = 115, EDQUOT = 122,
    EAI_NONAME = -2, EAI_AGAIN = -3, EAI_FAIL = -4, EAI_NODATA = -5,
    EAI_SERVICE = -8, EAI_MEMORY = -10, EAI_SYSTEM = -11,
}

return calls
