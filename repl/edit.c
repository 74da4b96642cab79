// SPDX-License-Identifier: MIT
// Edit: libedit, by its callback interface, with our waiting inside.
//
// libedit asks for each character by next_character, which waits as the prompt
// does: so tasks go on in the middle of a key's escape sequence, too. The
// handler is installed anew for each line; without it the terminal is as
// programs expect it, so that io.read works in a line that runs.
//
// Before tasks may write, the half-typed line is taken off the screen, and then
// drawn again below: the cursor's row is counted from the width of what stands
// before it.
//
// libedit is one per process and its callbacks carry nothing: hence the
// static `editor`. It writes by a stream of its own, so that half a line in
// stdout's buffer stays there until it is whole.
#define _XOPEN_SOURCE 700
#include "repl/edit.h"

#include <editline/readline.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "repl/complete.h"
#include "repl/input.h"
#include "repl/signals.h"

static struct {
    command *c;
    const char *prompt;   // of the line that is read
    char *line;           // it, when it is whole
    bool done;            // it is, or the input is over
    bool interrupted;     // a signal came while it was read
    mbstate_t partial;    // of a character whose bytes are not all there
    struct termios plain; // the terminal as we found it
} editor;

static void restore_terminal(void) {
    tcsetattr(STDIN_FILENO, TCSANOW, &editor.plain);
}

// The next character, -1: no more.
static int next_character(FILE *in) {
    (void)in;
    for (;;) {
        char byte;
        wchar_t wide = 0;
        editor.interrupted = !input_wait(editor.c);
        if (editor.interrupted) return -1;
        if (read(STDIN_FILENO, &byte, 1) != 1) break;
        size_t size = mbrtowc(&wide, &byte, 1, &editor.partial);
        if (size <= 1) return (int)wide;
        if (size == (size_t)-1) memset(&editor.partial, 0, sizeof(mbstate_t));
    }
    editor.done = true;
    return -1;
}

static void take_line(char *line) {
    rl_callback_handler_remove();
    editor.line = line;
    editor.done = true;
}

// How many columns the first `size` bytes take.
static int width_of(const char *text, size_t size) {
    mbstate_t state = {0};
    int width = 0;
    while (size > 0) {
        wchar_t wide;
        size_t used = mbrtowc(&wide, text, size, &state);
        if (used == 0 || used > size) break;
        int columns = wcwidth(wide);
        width += columns < 0 ? 2 : columns; // control characters: ^A
        text += used;
        size -= used;
    }
    return width;
}

static void hide(void) {
    int columns = 80;
    rl_get_screen_size(NULL, &columns);
    int before = width_of(editor.prompt, strlen(editor.prompt)) +
                 width_of(rl_line_buffer, (size_t)rl_point);
    for (int row = before / (columns > 0 ? columns : 80); row > 0; row--)
        fputs("\033[A", rl_outstream);
    fputs("\r\033[J", rl_outstream);
    fflush(rl_outstream);
}

static void resume(void) {
    hide();
    rl_deprep_terminal();
    rl_prep_terminal(0);
    rl_resize_terminal();
    rl_forced_update_display();
}

void edit_open(command *c) {
    editor.c = c;
    c->hide = hide;
    c->show = rl_forced_update_display;
    c->resume = resume;
    setlocale(LC_CTYPE, "");
    tcgetattr(STDIN_FILENO, &editor.plain);
    atexit(restore_terminal);
    signals_terminal(restore_terminal);
    rl_readline_name = "neap";
    rl_catch_signals = 0;
    rl_getc_function = next_character;
    rl_outstream = fdopen(dup(STDOUT_FILENO), "w");
    complete_open(c);
    rl_initialize();
}

lines_end edit_read(command *c, const char *prompt, char **line) {
    (void)c;
    editor.prompt = prompt;
    editor.line = NULL;
    editor.done = editor.interrupted = false;
    fflush(stdout);
    rl_callback_handler_install(prompt, take_line);
    rl_point = 0; // libedit leaves the last line's until a key is pressed
    while (!editor.done && !editor.interrupted) rl_callback_read_char();
    rl_callback_handler_remove();
    bool cleared = editor.interrupted && !signals_over();
    if (!editor.line) fputs(cleared ? "^C\n" : "\n", rl_outstream);
    fflush(rl_outstream);
    if (editor.interrupted) return LINES_INTERRUPTED;
    if (!editor.line) return LINES_OVER;
    if (*editor.line) add_history(editor.line);
    *line = editor.line;
    return LINES_READ;
}
