// SPDX-License-Identifier: MIT
// Shield: what Lua's own libraries need to live through the storm (fault.h).
//
// The linker puts these in place of what liblua calls. The C library gives
// EINTR to fread, and Lua to the script; and Lua takes an errno that a waitpid
// left behind, which was tried again, for a failure of os.execute. What specs
// read from their own commands is not what the storm is to test. So a pipe is
// read through a stream that tries again, and success leaves errno alone.
#include "tests/fault/fault.h"

#include <stdio.h>
#include <stdlib.h>

// NOLINTBEGIN(bugprone-reserved-identifier): ld --wrap names them
FILE *__real_popen(const char *command, const char *mode);
int __real_pclose(FILE *stream);
int __real_system(const char *command);
FILE *__wrap_popen(const char *command, const char *mode);
int __wrap_pclose(FILE *stream);
int __wrap_system(const char *command);

enum { PIPES_MAX = 64 };

static struct { FILE *shown, *real; } pipes[PIPES_MAX];

static ssize_t read_again(void *real, char *bytes, size_t size) {
    ssize_t n;
    do n = read(fileno(real), bytes, size);
    while (n < 0 && errno == EINTR);
    return n;
}

FILE *__wrap_popen(const char *command, const char *mode) {
    FILE *real = __real_popen(command, mode);
    int row = 0;
    while (row < PIPES_MAX && pipes[row].shown) row++;
    if (!real || *mode != 'r' || row == PIPES_MAX) return real;
    FILE *shown =
        fopencookie(real, "r", (cookie_io_functions_t){.read = read_again});
    if (!shown) return real;
    pipes[row].real = real;
    return pipes[row].shown = shown;
}

// The status; only a failure sets errno.
static int end_quietly(int status) {
    if (status >= 0) errno = 0;
    return status;
}

int __wrap_pclose(FILE *stream) {
    for (int row = 0; row < PIPES_MAX; row++) {
        if (pipes[row].shown != stream) continue;
        fclose(stream);
        pipes[row].shown = NULL;
        return end_quietly(__real_pclose(pipes[row].real));
    }
    return end_quietly(__real_pclose(stream));
}

int __wrap_system(const char *command) {
    return end_quietly(__real_system(command));
}
// NOLINTEND(bugprone-reserved-identifier)
