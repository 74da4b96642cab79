# SPDX-License-Identifier: MIT
#
# Lua makes the metatable of its string buffers when it first needs a large one.
# Where there was no memory for that in the middle of a script, it stayed half
# made, and each string of more than a kilobyte was refused from then on:
# "variable '(C temporary)' got a non-closable value".

neap=${NEAP:-build/dev/neap}
exec "${neap%/*}/neap-oom" full tasks.buffers
