// SPDX-License-Identifier: MIT
// Stream: read, read_until and lines, which ask for more than what has come.
//
// All are one continuation: it looks into the buffer, asks the kernel for more,
// and looks again. What the kernel gave stays in the buffer until a call
// returns it: a read that is cancelled, or that finds no line end within the
// limit, has taken nothing. The kernel fills the buffer directly; bytes are
// copied once more, into the string that is returned.
//
// A stream that comes faster than it is read does not hold the loop: each KiB
// counts as a call that need not wait (neapL_spend).
#include <errno.h>

#include "bindings/stdio.h"

enum {
    SOCKET = 1, // index of the Socket on every stack here
    MARK = 2    // of read_until's delimiter
};

enum { // upvalues of the function that lines returns, behind the runtime
    UP_SOCKET = 2,
    UP_FORMAT
};

static neapL_socket *check_socket(lua_State *L) {
    return neapL_checkstream(L, NEAP_IN);
}

// 0; or it is no stream, in nil, message, code: how many results.
static int refuse(lua_State *L, const neapL_socket *sock) {
    if (sock->listening) return neapL_fail(L, -ENOTCONN, "read");
    return neapL_is_datagram(sock) ? neapL_fail(L, -EOPNOTSUPP, "read") : 0;
}

// ---- ends of a read

// nil, message and code are on top: adds what was read, if there is any; in
// lines the message is raised, and what was read stays.
static int fail(lua_State *L, neapL_socket *sock, neapL_format format) {
    if (format.raises) {
        lua_pop(L, 1);
        return lua_error(L);
    }
    size_t unread = neapL_unread(sock->in);
    if (unread == 0) return 3;
    neapL_buffer_take(L, &sock->in, unread, 0);
    return 4;
}

static int fail_too_long(lua_State *L, neapL_format format) {
    const char *words = format.kind == NEAPL_UNTIL
                            ? "read: no delimiter within %I bytes"
                            : "read: line is longer than %I bytes";
    words = lua_pushfstring(L, words, (LUAI_UACINT)format.limit);
    int count = neapL_fail_code(L, words, "toolong");
    if (!format.raises) return count;
    lua_pop(L, 1);
    return lua_error(L);
}

static int fail_closed(lua_State *L, neapL_socket *sock, neapL_format format) {
    neapL_fail_closed(L);
    int count = fail(L, sock, format);
    neapL_buffer_drop(&sock->in);
    return count;
}

// `n` is what the kernel said instead of bytes: 0 (the end), or -errno.
static int finish(lua_State *L, neapL_socket *sock, neapL_format format,
                  ssize_t n) {
    neapL_buffer_settle(&sock->in);
    neap_fd_pass(&sock->fd, NEAP_IN);
    if (n < 0) {
        neapL_fail(L, (int)n, "read");
        return fail(L, sock, format);
    }
    ptrdiff_t size = neapL_format_rest(format, sock->in);
    if (size == NEAPL_TOO_LONG) return fail_too_long(L, format);
    if (size == NEAPL_MORE) lua_pushnil(L);
    else neapL_buffer_take(L, &sock->in, (size_t)size, 0);
    return 1;
}

// ---- reading

// Bytes that came, 0 (the end), -EAGAIN (none yet, or the slice's share is
// spent), or another -errno.
static ssize_t fill(lua_State *L, neapL_socket *sock) {
    neap_runtime *rt = neapL_rt(L);
    if (!sock->fd.latch[NEAP_IN] || neapL_is_spent(L)) return -EAGAIN;
    if (!neapL_buffer_grow(rt, &sock->in)) return -ENOMEM;
    neapL_buffer *in = sock->in;
    ssize_t n =
        neapL_stream_take(sock, in->bytes + in->last, in->size - in->last);
    if (n > 0) in->last += (size_t)n;
    neapL_spend(rt, n);
    return n;
}

// ctx is the format.
static int read_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_socket *sock = neapL_tosocket(L, SOCKET);
    neapL_format format = neapL_format_unpack(ctx);
    bool goes_on = neapL_socket_is_user(L, sock, NEAP_IN);
    if (!neapL_socket_read(L, sock, status))
        return fail_closed(L, sock, format);
    if (!goes_on && sock->in) sock->in->searched = 0; // for another delimiter
    ptrdiff_t size = neapL_format_look(L, format, MARK, sock->in);
    ssize_t n = 0;
    while (size == NEAPL_MORE && (n = fill(L, sock)) > 0)
        size = neapL_format_look(L, format, MARK, sock->in);
    if (n == -EAGAIN) {
        neapL_buffer_settle(&sock->in);
        return neapL_socket_await(L, sock, ctx, read_k);
    }
    if (size == NEAPL_MORE) return finish(L, sock, format, n);
    if (n > 0) neap_fd_pass(&sock->fd, NEAP_IN);
    if (size == NEAPL_TOO_LONG) return fail_too_long(L, format);
    neapL_buffer_take(L, &sock->in, (size_t)size, format.kind == NEAPL_LINE);
    if (n > 0) neapL_buffer_settle(&sock->in);
    return 1;
}

static int begin(lua_State *L, neapL_format format) {
    return neapL_begin(L, neapL_format_pack(format), read_k);
}

// sock:read([format]) -> what it asks for | nil (the end of the stream)
// | nil, message, code [, what was read]
static int socket_read(lua_State *L) {
    const neapL_socket *sock = check_socket(L);
    neapL_format format = neapL_checkformat(L, 2, sock->limit);
    luaL_argcheck(L, lua_isnone(L, 3), 3, "one format at a time");
    int refused = refuse(L, sock);
    if (refused) return neapL_conclude(L, refused);
    lua_settop(L, SOCKET);
    return begin(L, format);
}

// sock:read_until(delimiter [, max]): the same up to the delimiter and with it
static int socket_read_until(lua_State *L) {
    const neapL_socket *sock = check_socket(L);
    size_t size, limit = sock->limit;
    luaL_checklstring(L, MARK, &size);
    luaL_argcheck(L, size > 0, MARK, "empty delimiter");
    if (!lua_isnoneornil(L, 3)) limit = (size_t)neapL_checkpositive(L, 3);
    int refused = refuse(L, sock);
    if (refused) return neapL_conclude(L, refused);
    lua_settop(L, MARK);
    return begin(L, (neapL_format){NEAPL_UNTIL, false, limit});
}

// ---- lines

static int next_line(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(UP_SOCKET));
    lua_KContext format =
        (lua_KContext)lua_tointeger(L, lua_upvalueindex(UP_FORMAT));
    return neapL_begin(L, format, read_k);
}

// sock:lines([format]) -> a function that reads each time it is called, and
// raises failures as that of file:lines does
static int socket_lines(lua_State *L) {
    const neapL_socket *sock = check_socket(L);
    neapL_format format = neapL_checkformat(L, 2, sock->limit);
    bool empty = format.kind == NEAPL_COUNT && format.limit == 0;
    luaL_argcheck(L, !empty, 2, "lines of no bytes have no end");
    luaL_argcheck(L, lua_isnone(L, 3), 3, "one format at a time");
    bool flows = !sock->listening && !neapL_is_datagram(sock);
    luaL_argcheck(L, flows, SOCKET, "it is no stream");
    format.raises = true;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, SOCKET);
    lua_pushinteger(L, (lua_Integer)neapL_format_pack(format));
    lua_pushcclosure(L, next_line, UP_FORMAT);
    return 1;
}

void neapL_add_streams(lua_State *L, neap_runtime *rt) {
    static const luaL_Reg methods[] = {{"read", socket_read},
                                       {"read_until", socket_read_until},
                                       {"lines", socket_lines},
                                       {NULL, NULL}};
    neapL_addfuncs(L, rt, methods);
}
