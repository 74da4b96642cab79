# SPDX-License-Identifier: MIT
#
# Lua drops a finalizer where there is no memory to call it. An iterator of
# neap.as_completed that was collected so left its watches, freed, in the lines
# of its futures: the end of one of these ended the process.

neap=${NEAP:-build/dev/neap}
exec "${neap%/*}/neap-oom" full tasks.collected
