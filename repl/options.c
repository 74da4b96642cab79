// SPDX-License-Identifier: MIT
// Options: a superset of those of `lua`.
//
// Lua's are single letters that do not combine ("-iv" is refused, as Lua's test
// suite wants it); those of neap's own are words behind two dashes, so that the
// two never meet. Options end at "--", at "-" (stdin is the script) and at the
// first argument without a dash.
//
// Parsing only looks; what runs code is found again by options_next, because
// the order of -e, -l and -W counts.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/options.h"

static bool parse_seed(options *o, const char *digits) {
    size_t count = strspn(digits, "0123456789");
    errno = 0;
    o->seed = strtoull(digits, NULL, 10);
    return count > 0 && digits[count] == '\0' && errno == 0;
}

static bool parse_word(options *o, const char *word) {
    if (strcmp(word, "--help") == 0) o->help = true;
    else if (strcmp(word, "--version") == 0) o->version = true;
    else if (strcmp(word, "--clock=virtual") == 0) o->virtual_clock = true;
    else if (strcmp(word, "--clock=real") == 0) o->virtual_clock = false;
    else if (strcmp(word, "--report=json") == 0) o->json = true;
    else if (strcmp(word, "--report=text") == 0) o->json = false;
    else if (strncmp(word, "--seed=", 7) == 0) return parse_seed(o, word + 7);
    else return false;
    return true;
}

// -e and -l: the value stands in the same argument or is the next one, which
// must not look like an option.
static bool parse_value(options *o, int *index) {
    const char *arg = o->argv[*index];
    if (arg[1] == 'e') o->code = true;
    if (arg[2] != '\0') return true;
    if (*index + 1 == o->argc || o->argv[*index + 1][0] == '-') return false;
    ++*index;
    return true;
}

static bool parse_letter(options *o, char letter) {
    switch (letter) {
    case 'E': o->no_environment = true; break;
    case 'i': o->interactive = o->copyright = true; break;
    case 'v': o->copyright = true; break;
    case 'W': break;
    default: return false;
    }
    return true;
}

static bool parse_option(options *o, int *index) {
    const char *arg = o->argv[*index];
    if (arg[1] == '-') return parse_word(o, arg);
    if (arg[1] == 'e' || arg[1] == 'l') return parse_value(o, index);
    return arg[2] == '\0' && parse_letter(o, arg[1]);
}

static bool is_option(const char *arg) {
    return arg[0] == '-' && arg[1] != '\0';
}

void options_parse(options *o, int argc, char **argv) {
    memset(o, 0, sizeof *o);
    o->argc = argc;
    o->argv = argv;
    int i = argc > 0 ? 1 : 0;
    for (; i < argc && is_option(argv[i]); i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--") == 0) {
            i++;
            break;
        }
        if (!parse_option(o, &i)) {
            o->wrong = arg;
            break;
        }
    }
    o->script = i;
}

bool options_next(const options *o, int *index, options_step *step) {
    for (; *index < o->script; ++*index) {
        char *arg = o->argv[*index];
        if (arg[0] != '-' || !arg[1] || !strchr("elW", arg[1])) continue;
        step->letter = arg[1];
        step->value = arg + 2;
        if (arg[1] != 'W' && arg[2] == '\0') step->value = o->argv[++*index];
        ++*index;
        return true;
    }
    return false;
}

bool options_idle(const options *o) {
    return o->script >= o->argc && !o->code && !o->copyright;
}

bool options_prompt(const options *o) {
    return o->interactive || (options_idle(o) && isatty(STDIN_FILENO));
}

void options_complain(const options *o, const char *name) {
    bool value = o->wrong[1] == 'e' || o->wrong[1] == 'l';
    fprintf(stderr,
            value ? "%s: '%s' needs argument (--help tells more)\n"
                  : "%s: unrecognized option '%s' (--help lists them)\n",
            name, o->wrong);
}

void options_help(const char *name) {
    printf("usage: %s [options] [script [arguments]]\n\n", name);
    fputs("A Lua 5.4 in which everything may wait.\n\n"
          "  -e code          run this code\n"
          "  -l module        require a module into the global of its name\n"
          "  -l name=module   require a module into the global `name`\n"
          "  -i               ask for more lines after the script\n"
          "  -v               print the version of Lua\n"
          "  -E               ignore the environment variables\n"
          "  -W               turn warnings on\n"
          "  -                run stdin as the script\n"
          "  --               end of the options\n"
          "  --clock=virtual  time jumps from wait to wait (or real)\n"
          "  --report=json    report errors as JSON, one a line (or text)\n"
          "  --seed=N         shuffle what is ready at once, by this number\n"
          "  --version        print the version of neap\n"
          "  --help           print this\n\n"
          "Without a script it asks for lines on a terminal, and runs stdin\n"
          "elsewhere. See neap(1).\n",
          stdout);
}
