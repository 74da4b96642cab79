// SPDX-License-Identifier: MIT
// A person at a terminal, for tests:
//
//     pty COMMAND [ARGUMENT...] < DIALOGUE
//
// runs the command on a terminal of 24 rows and 80 columns and acts out the
// dialogue, line by line:
//
//     < text      waits until the command has written this, after what the
//                 last wait found
//     > text      types this
//     prompt P    waits as `<` does for P and a blank on a new line; without P
//                 for "> "
//     size R C    makes the window so large
//     signal N    sends it
//     exit N      waits until the command has ended; with this status (128 + N
//                 if a signal ended it)
//
// In texts, \n \r \t \e \xHH and \\ stand for bytes. All that the command wrote
// goes to stdout. A wait of more than ten seconds fails.
#define _GNU_SOURCE
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 10000, OUTPUT_MAX = 1 << 20 };

static char output[OUTPUT_MAX]; // all that the command wrote
static size_t written;          // bytes of it
static size_t seen;             // before here the waits have looked
static int terminal;
static pid_t child;

static void fail(const char *what, const char *text) {
    fwrite(output, 1, written, stdout);
    fprintf(stderr, "pty: %s%s\n", what, text);
    kill(child, SIGKILL);
    exit(1);
}

// Takes what the command writes; false: it has closed the terminal.
static bool take(void) {
    struct pollfd fd = {terminal, POLLIN, 0};
    if (poll(&fd, 1, WAIT_MS) == 0) return false;
    ssize_t count = read(terminal, output + written, OUTPUT_MAX - written);
    if (count > 0) written += (size_t)count;
    return count > 0;
}

static void expect(const char *text, size_t size) {
    for (;;) {
        char *found = memmem(output + seen, written - seen, text, size);
        if (found) {
            seen = (size_t)(found - output) + size;
            return;
        }
        if (!take()) fail("this did not come: ", text);
    }
}

static void expect_exit(int expected) {
    int status;
    while (take()) continue;
    if (waitpid(child, &status, WNOHANG) == 0) {
        usleep(WAIT_MS * 10);
        if (waitpid(child, &status, WNOHANG) == 0) fail("it does not end", "");
    }
    int code =
        WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (code == expected) return;
    char text[20];
    snprintf(text, sizeof text, "%d", code);
    fail("exit status ", text);
}

// Replaces the escapes in place; the size.
static size_t unescape(char *text) {
    static const char names[] = "nrte\\", bytes[] = "\n\r\t\033\\";
    char *to = text;
    for (char *from = text; *from; from++) {
        const char *name = *from == '\\' ? strchr(names, from[1]) : NULL;
        if (*from == '\\' && from[1] == 'x') {
            char hex[] = {from[2], from[3], '\0'};
            *to++ = (char)strtol(hex, NULL, 16);
            from += 3;
        } else if (name) {
            *to++ = bytes[name - names];
            from++;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

static void expect_prompt(char *prompt) {
    char text[80];
    unescape(prompt);
    int size = snprintf(text, sizeof text, "\n%s ", prompt);
    expect(text, (size_t)size);
}

static void resize(unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    ioctl(terminal, TIOCSWINSZ, &size);
}

static void act(char *line) {
    int number;
    unsigned short rows, columns;
    if (strncmp(line, "< ", 2) == 0) {
        expect(line + 2, unescape(line + 2));
    } else if (strncmp(line, "prompt", 6) == 0) {
        char usual[] = ">";
        expect_prompt(line[6] ? line + 7 : usual);
    } else if (strncmp(line, "> ", 2) == 0) {
        size_t size = unescape(line + 2);
        if (write(terminal, line + 2, size) != (ssize_t)size)
            fail("it does not listen: ", line);
    } else if (sscanf(line, "size %hu %hu", &rows, &columns) == 2) {
        resize(rows, columns);
    } else if (sscanf(line, "signal %d", &number) == 1) {
        kill(child, number);
    } else if (sscanf(line, "exit %d", &number) == 1) {
        expect_exit(number);
    } else {
        fail("what is this? ", line);
    }
}

int main(int argc, char **argv) {
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    if (argc < 2) return 2;
    child = forkpty(&terminal, NULL, NULL, &size);
    if (child == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line) act(line);
    }
    fwrite(output, 1, written, stdout);
    kill(child, SIGKILL);
    return 0;
}
