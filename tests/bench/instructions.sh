#!/usr/bin/env bash
# Counts the instructions of fixed amounts of work and compares them with instructions.txt: above +15 % is a failure.
# With --update the counts of today are written there.
set -euo pipefail
CXX=g++ # another compiler or other flags count differently
. "$(dirname "$0")/../../cmake/script.sh"

case ${1-} in
  '' | --update) ;;
  *) die "usage: tests/bench/instructions.sh [--update]" ;;
esac

cmake/deps.sh tests bench
configure_release -DMUXPRO_BUILD_TESTS=ON -DMUXPRO_WERROR=ON
build build/release --target muxpro_bench
exec python3 tests/bench/instructions.py build/release/bin/mux_bench tests/bench/instructions.txt "$@"
