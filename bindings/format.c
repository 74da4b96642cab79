// SPDX-License-Identifier: MIT
// Format: reading it off the arguments, and looking for it (see format.h).
//
// A search goes on where the last one ended (buffer->searched), so that a long
// line which comes in small pieces is looked at once.
#define _GNU_SOURCE // memmem
#include "bindings/format.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { KIND_BITS = 3, RAISES_BIT = 1 << KIND_BITS, SIZE_SHIFT = KIND_BITS + 1 };

#define SIZE_MOST ((size_t)PTRDIFF_MAX >> SIZE_SHIFT) // larger than any stream

lua_KContext neapL_format_pack(neapL_format format) {
    size_t limit = format.limit < SIZE_MOST ? format.limit : SIZE_MOST;
    int flag = format.raises ? RAISES_BIT : 0;
    return (lua_KContext)(limit << SIZE_SHIFT) | flag | (int)format.kind;
}

neapL_format neapL_format_unpack(lua_KContext ctx) {
    int kind = (int)(ctx & (RAISES_BIT - 1));
    return (neapL_format){(neapL_format_kind)kind, (ctx & RAISES_BIT) != 0,
                          (size_t)ctx >> SIZE_SHIFT};
}

// ---- arguments

static neapL_format check_count(lua_State *L, int arg) {
    lua_Integer count = luaL_checkinteger(L, arg);
    luaL_argcheck(L, count >= 0, arg,
                  "negative count of bytes ('a' reads up to the end)");
    return (neapL_format){NEAPL_COUNT, false, (size_t)count};
}

// As io's: a star may go before, and the first letter counts.
neapL_format neapL_checkformat(lua_State *L, int arg, size_t limit) {
    if (lua_type(L, arg) == LUA_TNUMBER) return check_count(L, arg);
    const char *name = luaL_optstring(L, arg, "l");
    if (*name == '*') name++;
    if (*name == 'l') return (neapL_format){NEAPL_LINE, false, limit};
    if (*name == 'L') return (neapL_format){NEAPL_LINE_KEPT, false, limit};
    if (*name != 'a') luaL_argerror(L, arg, "invalid format");
    return (neapL_format){NEAPL_ALL, false, 0};
}

// ---- looking

// A delimiter may begin `limit` bytes in, but no later.
static ptrdiff_t search(neapL_buffer *buffer, size_t limit, const char *mark,
                        size_t size) {
    const char *bytes = buffer->bytes + buffer->first;
    size_t end = neapL_unread(buffer), from = buffer->searched;
    bool is_long = end >= limit + size;
    if (is_long) end = limit + size;
    if (from < end) {
        const char *found = memmem(bytes + from, end - from, mark, size);
        if (found) return found - bytes + (ptrdiff_t)size;
    }
    if (is_long) return NEAPL_TOO_LONG;
    if (end >= size) buffer->searched = end - size + 1;
    return NEAPL_MORE;
}

ptrdiff_t neapL_format_look(lua_State *L, neapL_format format, int mark,
                            neapL_buffer *buffer) {
    size_t size, unread = neapL_unread(buffer);
    switch (format.kind) {
    case NEAPL_COUNT:
        return unread < format.limit ? NEAPL_MORE : (ptrdiff_t)format.limit;
    case NEAPL_LINE:
    case NEAPL_LINE_KEPT:
        return unread ? search(buffer, format.limit, "\n", 1) : NEAPL_MORE;
    case NEAPL_UNTIL: {
        const char *bytes = lua_tolstring(L, mark, &size);
        return unread ? search(buffer, format.limit, bytes, size) : NEAPL_MORE;
    }
    default: return NEAPL_MORE;
    }
}

ptrdiff_t neapL_format_rest(neapL_format format, const neapL_buffer *buffer) {
    size_t unread = neapL_unread(buffer);
    bool searches = format.kind <= NEAPL_UNTIL;
    if (format.kind == NEAPL_ALL) return (ptrdiff_t)unread; // "" is one, too
    if (unread == 0) return NEAPL_MORE;
    return searches && unread > format.limit ? NEAPL_TOO_LONG
                                             : (ptrdiff_t)unread;
}
