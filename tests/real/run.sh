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
echo "building build/release"
logged build/release/configure.log cmake -S . -B build/release -G Ninja -DCMAKE_CXX_COMPILER="${CXX:-g++}" \
  -DCMAKE_BUILD_TYPE=Release
logged build/release/build.log cmake --build build/release -j "$(nproc)" --target muxpro_program
exec python3 tests/real --program build/release/bin/muxpro "$@"
