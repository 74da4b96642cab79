# SPDX-License-Identifier: MIT
#
# Lua drops a finalizer where there is no memory to call it. A Channel that was
# collected so left its inside, items and all, and the code of a function that
# had been put into it, to nobody.

neap=${NEAP:-build/dev/neap}
exec "${neap%/*}/neap-oom" full channels.collected
