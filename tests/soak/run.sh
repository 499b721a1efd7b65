#!/usr/bin/env bash
# A server under load and attack for so many seconds: tests/soak/run.sh [seconds], default 60.
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] && ((seconds >= 10)) || die "usage: tests/soak/run.sh [seconds], 10 at least"
cmake/deps.sh tests
configure_release -DMUXPRO_BUILD_TESTS=ON
build build/release --target muxpro_program muxpro_soak
echo "200 main connections with 3000 sub-streams for $seconds s"
ulimit -n "$(ulimit -Hn)" # 3,000 sub-streams have sockets on both sides of the server, and attackers theirs
exec build/release/bin/muxpro_soak build/release/bin/muxpro "$seconds"
