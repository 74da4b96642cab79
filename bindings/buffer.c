// SPDX-License-Identifier: MIT
// Buffer: where its memory comes from and goes to (see buffer.h).
//
// Room is always read into directly: what is unread moves to the front of the
// block, or the block grows to twice its size, or the spare takes its place.
#include "bindings/buffer.h"

#include <assert.h>
#include <string.h>

enum {
    // Of a block: as much as one recv of a busy stream finds.
    BLOCK_SIZE = 65536,
    // A recv with less room costs more than it brings (a system call is worth
    // the copying of some 8 KiB).
    ROOM_MIN = 16384,
    // A block may be so many times as large as what a waiting reader has in it.
    SLACK = 4
};

// ---- memory

static size_t bytes_of(size_t room) { return sizeof(neapL_buffer) + room; }

// A block of another size instead of one (or none) that stands in no list. It
// is no stack: the allocator's note of big ones, which would cost the task its
// coroutine, stays as it was.
static neapL_buffer *resize(neap_runtime *rt, neapL_buffer *buffer,
                            size_t room) {
    bool big = rt->arena.big;
    size_t before = buffer ? bytes_of(buffer->size) : 0;
    assert(!buffer || buffer->last <= room);
    buffer = neap_alloc_array(&rt->alloc, buffer, before, bytes_of(room), 1);
    rt->arena.big = big;
    if (buffer) buffer->size = room;
    return buffer;
}

static neapL_buffer *make(neap_runtime *rt, size_t room) {
    neapL_buffer *buffer = resize(rt, NULL, room);
    if (!buffer) return NULL;
    buffer->rt = rt;
    buffer->first = buffer->last = buffer->searched = 0;
    return buffer;
}

static void hold(neapL_buffer *buffer, neapL_buffer **owner) {
    buffer->owner = owner;
    *owner = buffer;
    neap_list_append(&buffer->rt->buffers, &buffer->link);
}

// An empty block, the spare if there is one.
static neapL_buffer *fetch(neap_runtime *rt) {
    neapL_buffer *spare = rt->spare;
    rt->spare = NULL;
    return spare ? spare : make(rt, BLOCK_SIZE);
}

static void discard(neapL_buffer *buffer) {
    neap_runtime *rt = buffer->rt;
    buffer->first = buffer->last = buffer->searched = 0;
    if (!rt->spare && buffer->size == BLOCK_SIZE) rt->spare = buffer;
    else neap_alloc_free(&rt->alloc, buffer, bytes_of(buffer->size));
}

void neapL_buffer_drop(neapL_buffer **owner) {
    neapL_buffer *buffer = *owner;
    if (!buffer) return;
    assert(buffer->owner == owner);
    neap_list_unlink(&buffer->link);
    *owner = NULL;
    discard(buffer);
}

void neapL_buffers_drop(neap_runtime *rt) {
    while (!neap_list_empty(&rt->buffers)) {
        neap_link *link = rt->buffers.next;
        neapL_buffer_drop(NEAP_OWNER(link, neapL_buffer, link)->owner);
    }
}

void neapL_buffers_term(neap_runtime *rt) {
    neapL_buffer *spare = rt->spare;
    assert(neap_list_empty(&rt->buffers));
    if (spare) neap_alloc_free(&rt->alloc, spare, bytes_of(spare->size));
    rt->spare = NULL;
}

// ---- room

// The unread bytes go on in another block.
static void move(neapL_buffer *from, neapL_buffer *to) {
    size_t unread = neapL_unread(from);
    neapL_buffer **owner = from->owner;
    assert(unread <= to->size);
    memcpy(to->bytes, from->bytes + from->first, unread);
    to->last = unread;
    to->searched = from->searched;
    neapL_buffer_drop(owner);
    hold(to, owner);
}

static void compact(neapL_buffer *buffer) {
    size_t unread = neapL_unread(buffer);
    if (buffer->first == 0) return;
    memmove(buffer->bytes, buffer->bytes + buffer->first, unread);
    buffer->first = 0;
    buffer->last = unread;
}

// Twice the size.
static bool enlarge(neapL_buffer *buffer) {
    neapL_buffer **owner = buffer->owner;
    neap_list_unlink(&buffer->link);
    neapL_buffer *larger = resize(buffer->rt, buffer, 2 * buffer->size);
    hold(larger ? larger : buffer, owner);
    return larger != NULL;
}

bool neapL_buffer_grow(neap_runtime *rt, neapL_buffer **owner) {
    neapL_buffer *buffer = *owner;
    if (!buffer || buffer->size < BLOCK_SIZE) {
        neapL_buffer *block = fetch(rt);
        if (!block) return false;
        if (buffer) move(buffer, block);
        else hold(block, owner);
        buffer = block;
    }
    compact(buffer);
    return buffer->size - buffer->last >= ROOM_MIN || enlarge(buffer);
}

void neapL_buffer_settle(neapL_buffer **owner) {
    neapL_buffer *buffer = *owner;
    size_t unread = neapL_unread(buffer);
    if (unread == 0) neapL_buffer_drop(owner);
    else if (buffer->size >= BLOCK_SIZE && unread <= buffer->size / SLACK) {
        neapL_buffer *small = make(buffer->rt, unread);
        if (small) move(buffer, small); // without memory it stays
    }
}

void neapL_buffer_take(lua_State *L, neapL_buffer **owner, size_t size,
                       size_t strip) {
    neapL_buffer *buffer = *owner;
    assert(strip <= size && size <= neapL_unread(buffer));
    if (!buffer) lua_pushliteral(L, "");
    else {
        const char *bytes = buffer->bytes + buffer->first;
        lua_pushlstring(L, bytes, size - strip); // may raise: nothing is lost
        buffer->first += size;
        buffer->searched = 0;
        if (buffer->first == buffer->last) neapL_buffer_drop(owner);
    }
}
