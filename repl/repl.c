// SPDX-License-Identifier: MIT
// Repl: reads a statement, runs it as the main task, prints its results.
//
// A statement is first tried as an expression ("return " before it); if that
// does not compile, it is what it is, and where Lua's message says that it ends
// too early, more lines are asked for. Messages bear no name here.
//
// Statements are C strings, so that nothing between two runs can raise. The
// results of a statement wait in a coroutine of their own (`results`) until
// `print` gets them, in a task of its own: it may be the user's, and wait.
#include "repl/repl.h"

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/lines.h"
#include "repl/report.h"
#include "repl/run.h"
#include "repl/signals.h"

// The strings one after the other, as a new one.
static char *join(const char *a, const char *b, const char *c) {
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *whole = malloc(size);
    if (!whole) abort();
    snprintf(whole, size, "%s%s%s", a, b, c);
    return whole;
}

// ---- reading

// The function's argument names a global: its value in words, nil for nil.
static int to_prompt(lua_State *L) {
    lua_getglobal(L, lua_touserdata(L, 1));
    if (!lua_isnil(L, -1)) luaL_tolstring(L, -1, NULL);
    return 1;
}

// Reads a line after the prompt that a global of Lua's is, or the default. It
// is asked for each time, and may fail: that ends the REPL.
static lines_end read_line(command *c, bool first, char **line) {
    static const char *const globals[] = {"_PROMPT2", "_PROMPT"};
    lua_State *L = neap_state(c->rt);
    lua_pushcfunction(L, to_prompt);
    lua_pushlightuserdata(L, (void *)globals[first]);
    lines_end end = LINES_OVER;
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
        const char *prompt = lua_tostring(L, -1);
        if (!prompt) prompt = first ? "> " : ">> ";
        end = lines_read(c, prompt, line);
    } else {
        report_failure(c, report_words(c));
        c->status = COMMAND_FAILED;
    }
    lua_pop(L, 1);
    return end;
}

// ---- compiling

// Pushes the function of a statement, or a message.
static int compile(lua_State *L, const char *statement) {
    return luaL_loadbuffer(L, statement, strlen(statement), "=stdin");
}

static bool compile_expression(lua_State *L, const char *line) {
    char *statement = join("return ", line, "");
    int rc = compile(L, statement);
    free(statement);
    if (rc != LUA_OK) lua_pop(L, 1);
    return rc == LUA_OK;
}

// The message on top says that the statement ends too early.
static bool is_incomplete(lua_State *L) {
    static const char mark[] = "<eof>";
    size_t size;
    const char *message = lua_tolstring(L, -1, &size);
    return size >= strlen(mark) &&
           strcmp(message + size - strlen(mark), mark) == 0;
}

// Compiles a statement that begins so, reading more as it needs: 0, or -1 with
// a message. Frees `text`.
static int compile_lines(command *c, char *text, lines_end *end) {
    lua_State *L = neap_state(c->rt);
    int rc;
    while ((rc = compile(L, text)) == LUA_ERRSYNTAX && is_incomplete(L)) {
        char *line;
        *end = read_line(c, false, &line);
        if (*end != LINES_READ) break;
        lua_pop(L, 1);
        char *whole = join(text, "\n", line);
        free(line);
        free(text);
        text = whole;
    }
    free(text);
    return rc == LUA_OK ? 0 : -1;
}

// Pushes what the first line begins, for run_main. Frees it.
static int compile_statement(command *c, char *line, lines_end *end) {
    if (compile_expression(neap_state(c->rt), line)) {
        free(line);
        return 0;
    }
    if (*line != '=') return compile_lines(c, line, end);
    char *expression = join("return ", line + 1, "");
    free(line);
    return compile_lines(c, expression, end);
}

// ---- running

static void keep_results(command *c, int status, int count, void *ud) {
    lua_State *L = neap_state(c->rt), *results = ud;
    if (status != 0) {
        run_report(c, status, count, NULL);
        return;
    }
    if (!lua_checkstack(L, count) || !lua_checkstack(results, count)) {
        report_failure(c, "too many results to print");
        return;
    }
    for (int i = 0; i < count; i++) lua_pushvalue(L, -count);
    lua_xmove(L, results, count);
}

static void report_print(command *c, int status, int count, void *ud) {
    (void)count;
    (void)ud;
    if (status == 0 || signals_over()) return;
    char *words = join("error calling 'print' (", report_words(c), ")");
    report_failure(c, words);
    free(words);
}

static void print_results(command *c, lua_State *results) {
    lua_State *L = neap_state(c->rt);
    int count = lua_gettop(results);
    if (count == 0 || !lua_checkstack(L, count + 2)) return;
    lua_pushglobaltable(L);
    lua_pushliteral(L, "print");
    lua_rawget(L, -2);
    lua_remove(L, -2);
    lua_xmove(results, L, count);
    run_main(c, count, report_print, NULL);
}

static void run_statement(command *c, int nargs) {
    lua_State *L = neap_state(c->rt);
    lua_State *results = lua_newthread(L);
    lua_insert(L, -2);
    run_main(c, nargs, keep_results, results);
    print_results(c, results);
}

// One prompt, or several; false: the input is over, or the time is up.
static bool step(command *c) {
    char *line;
    lines_end end = read_line(c, true, &line);
    if (end == LINES_OVER) return false;
    if (end == LINES_READ) {
        int nargs = compile_statement(c, line, &end);
        if (end != LINES_INTERRUPTED) run_statement(c, nargs);
    }
    if (signals_over()) return false;
    if (end != LINES_INTERRUPTED) return true;
    c->status = COMMAND_INTERRUPTED + SIGINT;
    return isatty(STDIN_FILENO);
}

void repl_run(command *c) {
    const char *name = c->name;
    lua_State *L = neap_state(c->rt);
    int top = lua_gettop(L);
    bool edited = lines_open(c);
    if (edited) puts("neap " NEAP_VERSION ", everything may wait. Ctrl-D ends");
    c->name = NULL;
    signals_catch(NULL);
    signals_last(true);
    do {
        lua_settop(L, top);
        c->status = COMMAND_OK;
    } while (step(c));
    if (signals_over()) run_rest(c); // what is left hears of it, too
    signals_last(false);
    signals_release();
    c->name = name;
    if (!edited && c->status == COMMAND_OK) putchar('\n');
}
