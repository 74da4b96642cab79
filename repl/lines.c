// SPDX-License-Identifier: MIT
// Lines: plain ones, and the choice between these and edited ones.
//
// On a pipe or a file the transcript is what Debian's `lua5.4 -i` writes: the
// prompt and, since no terminal echoes it, the line. What Debian's line editor
// drops (NUL) is dropped, and a carriage return ends a line as a newline does.
//
// Bytes are read one by one, as that editor does: what follows the line is left
// to io.read, which the line may call. It costs 0.3 s per megabyte.
#define _POSIX_C_SOURCE 200809L
#include "repl/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/edit.h"
#include "repl/input.h"

typedef struct text {
    char *bytes; // NULL: none yet
    size_t size, room;
} text;

static bool editing; // lines are edited
static bool echoing; // no terminal shows what is read

// Where stdin is closed its number may be given to anything: it is taken.
static void need_stdin(void) {
    if (fcntl(STDIN_FILENO, F_GETFD) < 0) open("/dev/null", O_RDONLY);
}

bool lines_open(command *c) {
    need_stdin();
    const char *terminal = getenv("TERM");
    bool both = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    bool able = terminal && *terminal && strcmp(terminal, "dumb") != 0;
    echoing = !both;
    editing = both && able;
    if (editing) edit_open(c);
    return editing;
}

// Out of memory in a prompt there is nobody left to tell.
static void append(text *t, char byte) {
    if (t->size + 1 >= t->room) {
        t->room = t->room ? t->room * 2 : 80;
        t->bytes = realloc(t->bytes, t->room);
        if (!t->bytes) abort();
    }
    t->bytes[t->size++] = byte;
    t->bytes[t->size] = '\0';
}

// 1: a byte; 0: the end; -1: a signal.
static int next_byte(command *c, char *byte) {
    ssize_t count;
    do {
        if (!input_wait(c)) return -1;
        count = read(STDIN_FILENO, byte, 1);
    } while (count < 0 && (errno == EINTR || errno == EAGAIN));
    return count == 1;
}

static int collect(command *c, text *t) {
    char byte = '\0';
    int rc;
    while ((rc = next_byte(c, &byte)) == 1) {
        if (byte == '\n' || byte == '\r') break;
        if (byte != '\0') append(t, byte);
    }
    return rc;
}

static lines_end read_plain(command *c, const char *prompt, char **line) {
    text t = {NULL, 0, 0};
    fputs(prompt, stdout);
    fflush(stdout);
    int rc = collect(c, &t);
    if (rc < 0 || (rc == 0 && t.size == 0)) {
        free(t.bytes);
        if (rc < 0) putchar('\n');
        return rc < 0 ? LINES_INTERRUPTED : LINES_OVER;
    }
    if (!t.bytes) t.bytes = calloc(1, 1);
    if (!t.bytes) abort();
    if (echoing) puts(t.bytes);
    fflush(stdout);
    *line = t.bytes;
    return LINES_READ;
}

lines_end lines_read(command *c, const char *prompt, char **line) {
    return editing ? edit_read(c, prompt, line) : read_plain(c, prompt, line);
}
