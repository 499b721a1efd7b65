#!/usr/bin/env bash
# Builds the simulation and runs N seeds (2000); further arguments go to the program:
#   tests/simulation/run.sh 10000 --from 1     tests/simulation/run.sh 1 --from 4711 --trace
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

seeds=${1:-2000}
[[ $seeds =~ ^[0-9]+$ ]] || die "usage: tests/simulation/run.sh [SEEDS] [--from SEED] [--dialect DIALECT] [--trace]"
(($# == 0)) || shift

cmake/deps.sh tests
build=build/tests
flags="-O1 -g1 -D_GLIBCXX_ASSERTIONS '-ffile-prefix-map=$root=.'"
configure $build -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=g++ "-DCMAKE_CXX_FLAGS_DEBUG=$flags" -DMUXPRO_BUILD_TESTS=ON
build $build --target muxpro_simulation_tests
exec $build/bin/muxpro_simulation_tests --seeds "$seeds" "$@"
