#!/usr/bin/env bash
# Builds, runs muxpro beside raw TCP and the peers that are installed, and writes tables and charts to build/bench.
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

case ${1-} in
  -h | --help) exec python3 tests/bench/runner --help ;;
esac

cmake/deps.sh tests bench
python3 tests/bench/runner --check "$@"
configure_release -DMUXPRO_BUILD_TESTS=ON
build build/release --target muxpro_bench muxpro_raw_asio

# Without the libraries of the peers there is no such program, and the runner prints what is missing.
rm -f build/bench/peers
if command -v go >/dev/null && [ -d /usr/share/gocode/src/github.com/hashicorp/yamux ] &&
  [ -d /usr/share/gocode/src/github.com/xtaci/smux ]; then
  logged build/bench/peers.log env GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE="$root/build/bench/gocache" \
    go build -o build/bench/peers tests/bench/peers/*.go
fi
exec python3 tests/bench/runner "$@"
