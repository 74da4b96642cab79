// SPDX-License-Identifier: MIT
//
// neap.h is a header of C++ too.

#include <neap.h>

int main() {
    neap_runtime *rt = neap_open(nullptr);
    if (!rt) return 1;
    neap_close(rt);
}
