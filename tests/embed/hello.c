// SPDX-License-Identifier: MIT
//
// The least host: a script whose two tasks sleep side by side, run to its end.

#include <neap.h>
#include <stdio.h>

static const char script[] = "local neap = require 'neap'\n"
                             "local function greet(name, seconds)\n"
                             "  neap.sleep(seconds)\n"
                             "  print('hello, ' .. name)\n"
                             "end\n"
                             "neap.spawn(greet, 'world', 0.02)\n"
                             "greet('neap', 0.01)\n";

int main(void) {
    neap_runtime *rt = neap_open(NULL);
    if (!rt) return fprintf(stderr, "hello: no memory\n"), 1;
    int rc = neap_dostring(rt, script, "=hello");
    if (rc < 0) fprintf(stderr, "hello: %s\n", neap_error(rt));
    neap_close(rt);
    return rc < 0;
}
