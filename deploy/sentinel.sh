#!/bin/sh
# Starts a sentinel under the name of its container. Sentinels write what they learn into their file, so it is made
# once and lies in the container's volume.
set -eu
file=${DATA:=/data}/sentinel.conf
[ -s "$file" ] || cat > "$file" <<END
port 26379
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $NAME
sentinel monitor backline $PRIMARY 6379 2
sentinel down-after-milliseconds backline 2000
sentinel failover-timeout backline 10000
sentinel parallel-syncs backline 1
END
cd "$DATA"
exec redis-server "$file" --sentinel
