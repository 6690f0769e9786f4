#!/bin/sh
# Takes away the torn end of what Redis has written, before it starts: mend-aof.sh DIR, where DIR has appendonlydir.
#
# A server that is killed, or loses power, while it writes leaves a transaction without its end. With aof-load-truncated
# yes it takes away the last half command only (7.0.15, seen), not what is left of the transaction, and appends what comes
# next behind that. At the start after, the torn transaction comes to life and takes the place of one that was
# acknowledged (github.com/valkey-io/valkey/pull/4342 is the same, mended). redis-check-aof takes away all of it, and none
# of that was acknowledged: answers leave when all is synced.
set -eu
limit=67108864 # bytes; more is no torn end but damage, and is left to people: the server refuses to start and says why
for manifest in "$1"/appendonlydir/*.manifest; do
	[ -e "$manifest" ] || continue
	torn=$(redis-check-aof "$manifest" | sed -n 's/^AOF analyzed:.* diff=\([0-9]*\)$/\1/p' | tail -n 1)
	if [ "${torn:-0}" -gt 0 ] && [ "$torn" -le "$limit" ]; then
		yes | redis-check-aof --fix "$manifest"
	fi
done
