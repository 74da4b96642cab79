// SPDX-License-Identifier: MIT
//
// Tasks that are ended by force in the middle of an operation leave their
// Sockets to whoever uses them next, in a later run of the same state.

#include <neap.h>

#include "check.h"

// Each waits behind a shield, which the grace outlasts.
static const char first[] =
    "neap = require 'neap'\n"
    "listener = assert(neap.listen('127.0.0.1', 0))\n"
    "mail = assert(neap.udp('127.0.0.1', 0))\n"
    "a, b = neap.socketpair()\n"
    "c, d = neap.socketpair()\n"
    "local function begin(sock, method, ...)\n"
    "    neap.spawn(neap.shield, sock[method], sock, ...)\n"
    "end\n"
    "begin(listener, 'accept')\n"
    "begin(mail, 'recv_from')\n"
    "begin(b, 'send', ('x'):rep(1 << 24))\n"
    "begin(b, 'send', 'behind it')\n"
    "begin(c, 'recv')\n"
    "begin(d, 'read', 100)\n"
    "neap.yield()\n"
    "error 'over'\n";

static const char second[] =
    "local client = assert(neap.connect(listener:sockname()))\n"
    "neap.wait_readable(listener)\n"
    "local conn = neap.timeout(5, listener.accept, listener)\n"
    "print('accept', conn ~= nil)\n"
    "mail:send_to('letter', mail:sockname())\n"
    "neap.wait_readable(mail)\n"
    "print('recv_from', (neap.timeout(5, mail.recv_from, mail)))\n"
    "print('send', select(2, neap.timeout(5, b.send, b, 'y')))\n"
    "print('rest', #neap.timeout(5, a.read, a, 'a') < 1 << 24)\n"
    "d:send('hello')\n"
    "print('recv', neap.timeout(5, c.recv, c))\n"
    "c:send('again')\n"
    "print('read', neap.timeout(5, d.read, d, 5))\n";

static void hear(void *ud, const char *bytes, size_t size) {
    strncat(ud, bytes, size);
}

static void report(void *ud, const neap_report *what) {
    if (strcmp(what->kind, "leak") == 0) ++*(int *)ud;
}

int main(void) {
    char heard[500] = "";
    int leaks = 0;
    neap_config config = NEAP_CONFIG_INIT;
    config.grace_ns = 10000000;
    config.output = hear;
    config.output_ud = heard;
    config.report = report;
    config.report_ud = &leaks;
    neap_runtime *rt = neap_open(&config);
    CHECK(neap_dostring(rt, first, "first") == -1);
    CHECK_WORDS(neap_error(rt), "over");
    CHECK(leaks == 6);
    CHECK(neap_dostring(rt, second, "second") == 0);
    CHECK_WORDS(heard, "accept\ttrue\n");
    CHECK_WORDS(heard, "recv_from\tletter\n");
    CHECK_WORDS(heard, "send\tsocket is shut for sending\tclosed\n");
    CHECK_WORDS(heard, "rest\ttrue\n");
    CHECK_WORDS(heard, "recv\thello\n");
    CHECK_WORDS(heard, "read\tagain\n");
    neap_close(rt);
    return 0;
}
