#!/usr/bin/env bash
# Builds, runs muxpro's client and server beside the tunnels that are installed, and writes a table to
# build/bench/tunnel.md.
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

case ${1-} in
  -h | --help) exec python3 tests/bench/tunnel --help ;;
esac

cmake/deps.sh tests
python3 tests/bench/tunnel --check "$@"
configure_release -DMUXPRO_BUILD_TESTS=ON
build build/release --target muxpro_program muxpro_socks_load muxpro_plain_relay
exec python3 tests/bench/tunnel "$@"
