// SPDX-License-Identifier: MIT
// Stdlib: the Lua modules that are compiled into the library.
//
// The table is generated at build time from stdlib/*.lua; stdlib/generator.lua
// becomes the module "neap.generator". A file on package.path goes first.
#ifndef NEAP_BINDINGS_STDLIB_H
#define NEAP_BINDINGS_STDLIB_H

#include <stddef.h>

typedef struct neapL_module {
    const char *name;   // as required; NULL ends the table
    const char *source; // its text
    size_t length;      // of the text, in bytes
} neapL_module;

extern const neapL_module neapL_modules[];

#endif
