# SPDX-License-Identifier: MIT
#
# Where poll failed for want of memory, a Socket that was ready was taken for
# one that was not, and its edge for used up: who waited, waited for ever. Now
# it is told, or tries.

fault=${NEAP:-build/dev/neap}-fault
for nth in 1 2; do
    NEAP_FAULT="poll 12 $nth" timeout -k 1 20 "$fault" -e '
        local listener <close> = assert(neap.listen("127.0.0.1", 0))
        local a <close> = assert(neap.connect(listener:sockname()))
        local b <close> = assert(listener:accept())
        b:send "x"
        neap.timeout(5, neap.wait_readable, a)
        neap.timeout(5, neap.wait_writable, a)' || exit 1
done
