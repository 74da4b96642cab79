// SPDX-License-Identifier: MIT
// Report: what went wrong, to stderr.
//
// Text is for people: neap's own words for a task that failed unseen, those of
// `lua` for the main task. JSON is for programs: an object a line, the fields
// of neap_report in its order, null for what is not known; bytes that are no
// UTF-8 become U+FFFD, so that every line can be parsed.
//
// A line of the REPL reports as text always: a person is looking at it.
//
// Assumption: a traceback starts at the words that luaL_traceback writes.
#define _POSIX_C_SOURCE 200809L
#include "repl/report.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// How many bytes the UTF-8 character at `s` has; 0: that is none.
static size_t character_size(const unsigned char *s) {
    static const unsigned char least[] = {0, 0, 0, 0xA0, 0x90};
    size_t size = *s < 0x80 ? 1 : *s < 0xC2 ? 0 : *s < 0xE0 ? 2 : 0;
    if (*s >= 0xE0) size = *s < 0xF0 ? 3 : *s < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < size; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((*s == 0xE0 || *s == 0xF0) && size && s[1] < least[size]) return 0;
    if ((*s == 0xED && s[1] > 0x9F) || (*s == 0xF4 && s[1] > 0x8F)) return 0;
    return size;
}

static void put_string(FILE *out, const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    putc('"', out);
    while (*s) {
        size_t size = character_size(s);
        if (size == 0) fputs("\\ufffd", out);
        else if (*s == '"' || *s == '\\') fprintf(out, "\\%c", *s);
        else if (*s == '\n') fputs("\\n", out);
        else if (*s == '\t') fputs("\\t", out);
        else if (*s < 0x20 || *s == 0x7F) fprintf(out, "\\u%04x", *s);
        else fwrite(s, 1, size, out);
        s += size ? size : 1;
    }
    putc('"', out);
}

static void put_field(FILE *out, const char *name, const char *text) {
    fprintf(out, ",\"%s\":", name);
    if (text) put_string(out, text);
    else fputs("null", out);
}

// Digits by hand: the script may have set a locale with a decimal comma.
static void put_time(FILE *out, double seconds) {
    if (!(seconds >= 0 && seconds < 1e12)) seconds = 0;
    int64_t micros = (int64_t)(seconds * 1e6 + 0.5);
    fprintf(out, ",\"time\":%" PRId64 ".%06" PRId64, micros / 1000000,
            micros % 1000000);
}

static void put_object(FILE *out, const neap_report *report) {
    fputs("{\"kind\":", out);
    put_string(out, report->kind);
    put_field(out, "task", report->task);
    if (report->id) fprintf(out, ",\"id\":%" PRIu64, report->id);
    else fputs(",\"id\":null", out);
    put_field(out, "message", report->message);
    put_field(out, "traceback", report->traceback);
    put_field(out, "spawned_at", report->spawned_at);
    put_time(out, report->time);
    fputs("}\n", out);
}

// In one write: other processes may share the stderr.
static void print_object(const neap_report *report) {
    char *line = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&line, &size);
    if (!out) return;
    put_object(out, report);
    if (fclose(out) == 0) fwrite(line, 1, size, stderr);
    free(line);
}

void report_task(void *ud, const neap_report *report) {
    const command *c = ud;
    if (c->json) print_object(report);
    else neap_report_print(NULL, report);
}

// Replaces the table on top by its field, raw; nil where it is no table.
static void get_field(lua_State *L, const char *name) {
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_pushstring(L, name);
        lua_rawget(L, -2);
    } else {
        lua_pushnil(L);
    }
    lua_remove(L, -2);
}

// neap.time(), or 0 where it cannot be had.
static double time_of(command *c) {
    if (!c->rt) return 0;
    lua_State *L = neap_state(c->rt);
    lua_pushvalue(L, LUA_REGISTRYINDEX);
    get_field(L, LUA_LOADED_TABLE);
    get_field(L, "neap");
    get_field(L, "time");
    bool ok = lua_pcall(L, 0, 1, 0) == LUA_OK;
    double time = ok ? lua_tonumber(L, -1) : 0;
    lua_pop(L, 1);
    return time;
}

// The words of a failure, message and traceback in one, as an object.
static void print_failure(command *c, const char *words) {
    static const char mark[] = "\nstack traceback:";
    bool stuck = strncmp(words, "deadlock:", 9) == 0;
    neap_report report = {.kind = stuck ? "deadlock" : "error", .task = "main"};
    const char *traceback = strstr(words, mark);
    size_t size = traceback ? (size_t)(traceback - words) : strlen(words);
    char *message = strndup(words, size);
    report.message = message;
    report.traceback = traceback ? traceback + 1 : NULL;
    report.time = time_of(c);
    print_object(&report);
    free(message);
}

const char *report_words(command *c) {
    const char *words = lua_tostring(neap_state(c->rt), -1);
    return words ? words : "(error object is not a string)";
}

void report_failure(command *c, const char *words) {
    if (c->json && c->name) print_failure(c, words);
    else if (c->name) fprintf(stderr, "%s: %s\n", c->name, words);
    else fprintf(stderr, "%s\n", words);
}
