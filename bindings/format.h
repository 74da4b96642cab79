// SPDX-License-Identifier: MIT
// Format: what a read asks for, and whether the buffer has it.
//
// A format is one word, so that it can be the ctx of the continuation that
// reads: a kind, whether failures are raised, and a size, which is a count of
// bytes or the limit. The limit bounds what stands before a line end or a
// delimiter; so it says the same however the bytes come in pieces.
#ifndef NEAP_BINDINGS_FORMAT_H
#define NEAP_BINDINGS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "bindings/buffer.h"

enum { NEAPL_LIMIT = 65536 }; // the limit, where nobody says another

typedef enum neapL_format_kind {
    NEAPL_LINE,      // "l": a line without its end
    NEAPL_LINE_KEPT, // "L": with it
    NEAPL_UNTIL,     // up to a delimiter, and with it
    NEAPL_COUNT,     // so many bytes
    NEAPL_ALL        // "a": up to the end of the stream
} neapL_format_kind;

typedef struct neapL_format {
    neapL_format_kind kind;
    bool raises;  // lines(): a failure is raised
    size_t limit; // of a search; or the count of bytes
} neapL_format;

enum { // answers of neapL_format_look that are no size
    NEAPL_MORE = -1,
    NEAPL_TOO_LONG = -2
};

lua_KContext neapL_format_pack(neapL_format format);
neapL_format neapL_format_unpack(lua_KContext ctx);

// The format at `arg`, none being "l"; misuse raises.
neapL_format neapL_checkformat(lua_State *L, int arg, size_t limit);

// How many of the unread bytes it takes; or that more must come, or that the
// limit is passed. A delimiter stands at index `mark`.
ptrdiff_t neapL_format_look(lua_State *L, neapL_format format, int mark,
                            neapL_buffer *buffer);

// The same at the end of the stream: NEAPL_MORE is nil.
ptrdiff_t neapL_format_rest(neapL_format format, const neapL_buffer *buffer);

#endif
