# SPDX-License-Identifier: MIT
#
# Without a free descriptor the command said "not enough memory".

neap=${NEAP:-build/dev/neap}
words=$(sh -c 'ulimit -n 4 && exec "$0" -e "print(1)"' "$neap" 2>&1)
case $words in
    *"error while loading"* | *"cannot open the runtime: Too many open files")
        exit 0 ;;
esac
echo "$words"
exit 1
