// SPDX-License-Identifier: MIT
// Poster: how a thread that may outlive a runtime reaches it.
//
// neap_post needs the runtime to be there. The inbox, where posts go, is memory
// of its own, counted, and refuses for ever once it was closed: to hold it is
// all that it takes. So neap_poster is another name for it.
#include "bindings/runtime.h"

neap_poster *neap_poster_new(neap_runtime *rt) {
    return neapL_refuses_posts(rt) ? NULL : neap_inbox_hold(rt->loop.inbox);
}

void neap_poster_retain(neap_poster *poster) { neap_inbox_hold(poster); }

int neap_poster_post(neap_poster *poster, neap_post_fn fn, void *arg) {
    return neap_inbox_post(poster, fn, arg);
}

void neap_poster_release(neap_poster *poster) {
    if (poster) neap_inbox_release(poster);
}
