// SPDX-License-Identifier: MIT
// Shuffle: a list in an order that a seed decides, by Fisher and Yates on an
// array on the stack: nothing is allocated.
#include <assert.h>

#include "core/list.h"

enum { WINDOW = 64 }; // most passes are shorter; 512 bytes of stack

// xorshift64*: from a number that is not 0 it never comes to 0. The high bits
// are the good ones.
static uint32_t draw(uint64_t *seed, uint32_t below) {
    assert(*seed != 0 && below > 0);
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    uint64_t high = (*seed * 0x2545F4914F6CDD1D) >> 32;
    return (uint32_t)((high * below) >> 32);
}

void neap_list_shuffle(neap_list *list, uint64_t *seed) {
    neap_link *window[WINDOW];
    neap_list rest;
    neap_list_init(&rest);
    neap_list_splice(&rest, list);
    while (!neap_list_empty(&rest)) {
        uint32_t count = 0;
        for (; count < WINDOW && !neap_list_empty(&rest); count++) {
            uint32_t place = draw(seed, count + 1);
            window[count] = rest.next;
            neap_list_unlink(rest.next);
            neap_link *last = window[count];
            window[count] = window[place];
            window[place] = last;
        }
        while (count > 0) neap_list_append(list, window[--count]);
    }
}
