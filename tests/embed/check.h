// SPDX-License-Identifier: MIT
//
// What every host program here uses to check itself: CHECK says which line
// does not hold, and ends the program with a status that is not 0.
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                           \
    do {                                                           \
        if (condition) break;                                      \
        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
                #condition);                                       \
        exit(1);                                                   \
    } while (0)

// The text holds these words.
#define CHECK_WORDS(text, words)                                      \
    do {                                                              \
        const char *text_ = (text);                                   \
        if (text_ && strstr(text_, words)) break;                     \
        fprintf(stderr, "%s:%d: \"%s\" is not in \"%s\"\n", __FILE__, \
                __LINE__, words, text_ ? text_ : "(null)");           \
        exit(1);                                                      \
    } while (0)

#endif
