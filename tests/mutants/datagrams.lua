-- SPDX-License-Identifier: MIT
--
-- Mutants of datagrams and of the names of unix sockets (see
-- tests/mutants.lua).

return {
    {"N28", "bindings/udp.c", "spec.udp",
        "if (!(message->msg_flags & MSG_TRUNC)) return count;",
        "return count;"},
    {"N28", "bindings/udp.c", "spec.udp",
        "lua_pushlstring(L, message->msg_iov->iov_base, n);\n"
            .. "    int count = 1;",
        "lua_pushlstring(L, message->msg_iov->iov_base, n);\n"
            .. "    if (message->msg_flags & MSG_TRUNC)"
            .. " return lua_pushboolean(L, 1), 2;\n"
            .. "    int count = 1;"},
    {"N29", "bindings/udp.c", "spec.udp",
        'if (n < 0) return neapL_fail(L, (int)n, named ?',
        'if (n < 0) neapL_socket_close(L, SOCKET);\n'
            .. '    if (n < 0) return neapL_fail(L, (int)n, named ?'},
    {"N29", "bindings/udp.c", "spec.udp",
        "return neap_fd_learn(&sock->fd, NEAP_OUT, n, 0);",
        "neap_fd_learn(&sock->fd, NEAP_OUT, n, 0);\n"
            .. "    return n < 0 && n != -EAGAIN ? 0 : n;"},
    {"N30", "bindings/udp.c", "spec.udp",
        "lua_pushlstring(L, message->msg_iov->iov_base, n);",
        "if (n == 0) return lua_pushnil(L), 1;\n"
            .. "    lua_pushlstring(L, message->msg_iov->iov_base, n);"},
    {"N30", "bindings/transfer.c", "spec.udp",
        "if (neapL_is_datagram(sock)) return neapL_send_datagram(L);",
        ""},
    {"N31", "bindings/udp.c", "spec.unix",
        "neapL_remember_path(sock, &address);",
        ""},
    {"N31", "bindings/listen.c", "spec.unix",
        "|| !local || !is_stale(address, type)) return rc;",
        "|| !local) return rc;"},
    {"N32", "bindings/address.c", "spec.unix",
        "if (room == 0) lua_pushnil(L); // unnamed",
        "if (room == 0) lua_pushstring(L, path);"},
    -- In the order of arrival, and everybody who can be.
    {"N1", "bindings/udp.c", "spec.udp",
        "if (ctx & WAITED || sock->takers == 0) n",
        "n"},
    {"N19", "bindings/udp.c", "spec.udp",
        "neapL_socket_pass(sock);",
        ""},
    {"N12", "bindings/udp.c", "spec.unix",
        "neap_task_arm(&task->core, neapL_deadline(neapL_rt(L), ROOM_NS));",
        "return;"},
    {"N25", "bindings/listen.c", "spec.udp",
        "if (stream) rc = neap_sys_setopt",
        "rc = neap_sys_setopt"},
}
