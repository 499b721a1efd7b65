#!/usr/bin/env bash
# The program between real clients and real servers: tests/real/run.sh [--long] [CASE...]. Ends with "N passed, N failed".
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

case ${1-} in
  -h | --help) exec python3 tests/real --help ;;
esac

cmake/deps.sh tests real
python3 tests/real --check "$@"
# As people run it: with little memory left, glibc's malloc (which Debug builds have) fails where jemalloc does not.
configure_release -DMUXPRO_BUILD_TESTS=ON
build build/release --target muxpro_program
exec python3 tests/real --program build/release/bin/muxpro "$@"
