// SPDX-License-Identifier: MIT
// Main: the command `neap`, a superset of `lua` 5.4.
//
// What `lua` does in one protected call is done here in steps, each a main task
// (run.c): LUA_INIT, -e and -l in their order, the script, the REPL. The first
// step that fails ends the command. Then what is left may end by itself, and
// neap_close cancels what does not.
//
// Two statuses differ from those of `lua`: 130 after an interrupt, and 1 where
// stdin, run without being asked for, fails.
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/chunk.h"
#include "repl/repl.h"
#include "repl/report.h"
#include "repl/run.h"
#include "repl/signals.h"
#include "repl/state.h"

static bool run(command *c, int nargs) {
    return run_main(c, nargs, run_report, NULL);
}

// The code, or the file behind an @, that the environment wants run first.
static bool run_init(command *c) {
    const char *name = "=LUA_INIT_5_4";
    const char *init = getenv(name + 1);
    if (!init) init = getenv((name = "=LUA_INIT") + 1);
    if (!init) return true;
    lua_State *L = neap_state(c->rt);
    if (*init == '@') return run(c, chunk_file(L, init + 1));
    return run(c, chunk_string(L, init, name));
}

static int set_global(lua_State *L) {
    lua_setglobal(L, lua_touserdata(L, 1));
    return 0;
}

// What `require` returned becomes a global; `ud` is its name.
static void take_module(command *c, int status, int count, void *ud) {
    run_report(c, status, count, NULL);
    if (status != 0) return;
    lua_State *L = neap_state(c->rt);
    lua_pushcfunction(L, set_global);
    lua_pushlightuserdata(L, ud);
    lua_pushvalue(L, -count - 2);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK) return;
    report_failure(c, report_words(c));
    lua_pop(L, 1);
}

// "module" or "global=module"; what follows a hyphen is no part of a global.
static bool run_require(command *c, char *what) {
    char *module = strchr(what, '=');
    lua_State *L = neap_state(c->rt);
    if (module) {
        *module++ = '\0';
        return run_main(c, chunk_require(L, module), take_module, what);
    }
    int nargs = chunk_require(L, what);
    what[strcspn(what, "-")] = '\0';
    return run_main(c, nargs, take_module, what);
}

static bool run_step(command *c, const options_step *step) {
    lua_State *L = neap_state(c->rt);
    if (step->letter == 'W') lua_warning(L, "@on", 0);
    if (step->letter == 'l') return run_require(c, step->value);
    if (step->letter == 'e')
        return run(c, chunk_string(L, step->value, "=(command line)"));
    return true;
}

static bool run_steps(command *c, const options *o) {
    options_step step;
    int index = 1;
    while (options_next(o, &index, &step))
        if (!run_step(c, &step)) return false;
    return true;
}

// "-" is stdin, but for the name of a file after "--".
static bool run_script(command *c, const options *o) {
    const char *path = o->argv[o->script];
    bool stdin_asked =
        strcmp(path, "-") == 0 && strcmp(o->argv[o->script - 1], "--") != 0;
    lua_State *L = neap_state(c->rt);
    return run(c, chunk_script(L, stdin_asked ? NULL : path));
}

// Everything in its order. false: tasks that are left are to end now: a step
// failed, or the person at the prompt has gone.
static bool run_all(command *c, const options *o) {
    if (o->copyright) puts(LUA_COPYRIGHT);
    fflush(stdout);
    if (!o->no_environment && !run_init(c)) return false;
    if (!run_steps(c, o)) return false;
    bool scripted = o->script < o->argc;
    if (scripted && !run_script(c, o)) return false;
    bool idle = options_idle(o);
    if (options_prompt(o)) {
        if (idle) puts(LUA_COPYRIGHT);
        repl_run(c);
        return false;
    }
    return !idle || run(c, chunk_file(neap_state(c->rt), NULL));
}

// Where a standard stream was closed by whoever started us, something stands
// that fails as nothing would: a socket of the script with the number 2 would
// have the reports sent through it.
static bool hold_standard_fds(void) {
    static const int useless[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", useless[fd]) != fd)
            return false;
    return true;
}

static int play(command *c, const options *o) {
    errno = 0;
    if (!hold_standard_fds() || !state_open(c, o)) {
        bool unknown = errno == 0 || errno == ENOMEM;
        char words[128];
        snprintf(words, sizeof words, "cannot open the runtime: %s",
                 unknown ? "not enough memory" : strerror(errno));
        report_failure(c, words);
        neap_close(c->rt);
        return COMMAND_FAILED;
    }
    signals_show(c->rt);
    if (run_all(c, o)) run_rest(c);
    if (c->holds) signals_release();
    if (c->status == COMMAND_OK && neap_unseen(c->rt) > 0)
        c->status = COMMAND_FAILED;
    signals_show(NULL);
    neap_close(c->rt);
    return c->status;
}

int main(int argc, char **argv) {
    command c = {.name = argc > 0 && *argv[0] ? argv[0] : "neap"};
    options o;
    options_parse(&o, argc, argv);
    c.json = o.json;
    if (o.wrong) {
        options_complain(&o, c.name);
        return COMMAND_FAILED;
    }
    if (o.help) options_help(c.name);
    else if (o.version) puts("neap " NEAP_VERSION " (" LUA_RELEASE ")");
    else return play(&c, &o);
    return COMMAND_OK;
}
