#!/bin/sh
# Starts a Redis under the name of its container, at first as a replica of PRIMARY where that is set. Who follows whom
# later is decided by the sentinels and kept in the file, which lies in the container's volume.
set -eu
file=${DATA:=/data}/redis.conf
if [ ! -s "$file" ]; then
	cp "$(dirname "$0")/redis.conf" "$file"
	echo "replica-announce-ip $NAME" >> "$file"
	[ -z "${PRIMARY:-}" ] || echo "replicaof $PRIMARY 6379" >> "$file"
fi
sh "$(dirname "$0")/mend-aof.sh" "$DATA"
cd "$DATA"
exec redis-server "$file"
