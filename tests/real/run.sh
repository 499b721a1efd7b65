#!/usr/bin/env bash
# The program between real clients and real servers: tests/real/run.sh [--long] [CASE...]. Ends with "N passed, N failed".
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

case ${1-} in
  -h | --help) exec python3 tests/real --help ;;
esac

cmake/deps.sh tests real
python3 tests/real --check "$@"
echo "building build/tests"
logged build/tests/configure.log cmake -S . -B build/tests -G Ninja -DCMAKE_BUILD_TYPE=Debug
logged build/tests/build.log cmake --build build/tests -j "$(nproc)" --target muxpro_program
exec python3 tests/real --program build/tests/bin/muxpro "$@"
