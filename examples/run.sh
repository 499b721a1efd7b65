#!/usr/bin/env bash
# Builds the examples and shows two runs: 64 sub-streams of 8 MiB each through one TCP connection on loopback, and curl
# through a tunnel of muxpro client and server.
set -euo pipefail
. "$(dirname "$0")/../cmake/script.sh"

cmake/deps.sh demo
configure_release -DMUXPRO_BUILD_TESTS=OFF
build build/release

listening() { # PORT: whether something listens there, without connecting to it
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") [0-9A-F:]+ 0A "
}

port=$((20000 + RANDOM % 10000))
while listening $port; do port=$((port + 1)); done

bin=build/release/bin
"$bin/echo_server" --listen "127.0.0.1:$port" &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT

for ((tries = 0; tries < 100; ++tries)); do
  ! listening $port || break
  kill -0 $server 2>/dev/null || die "echo_server ended before it listened"
  sleep 0.05
done

"$bin/echo_client" --connect "127.0.0.1:$port" --streams 64 --bytes 8388608

kill -TERM $server
status=0
wait $server || status=$?
trap - EXIT
((status == 0)) || die "echo_server ended with status $status"
echo "echo_server ended cleanly"

echo
echo "A tunnel in one process: SOCKS, a client, a Mux.Pro session, a server, a page."
demo=build/release/demo
"$bin/muxpro" demo >$demo.txt 2>$demo.log &
tunnel=$!
trap 'kill "$tunnel" 2>/dev/null || true' EXIT
for ((tries = 0; tries < 100; ++tries)); do
  ! grep -q '^curl ' $demo.txt || break
  kill -0 $tunnel 2>/dev/null || die "muxpro demo ended before it listened"
  sleep 0.05
done
read -ra command < <(grep '^curl ' $demo.txt) || die "muxpro demo does not say how to reach it"
echo "${command[*]}"
"${command[@]}" --silent --show-error --noproxy ''
kill -TERM $tunnel
status=0
wait $tunnel || status=$?
trap - EXIT
((status == 0)) || die "muxpro demo ended with status $status"
echo "The log has this line:"
grep -m 1 ' -> ' $demo.log
