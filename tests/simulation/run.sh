#!/usr/bin/env bash
# Builds the simulation and runs N seeds (2000); further arguments go to the program:
#   tests/simulation/run.sh 10000 --from 1     tests/simulation/run.sh 1 --from 4711 --trace
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

seeds=${1:-2000}
[[ $seeds =~ ^[0-9]+$ ]] || die "usage: tests/simulation/run.sh [SEEDS] [--from SEED] [--dialect DIALECT] [--trace]"
(($# == 0)) || shift

cmake/deps.sh tests
configure_release -DMUXPRO_BUILD_TESTS=ON
build build/release --target muxpro_simulation_tests
exec build/release/bin/muxpro_simulation_tests --seeds "$seeds" "$@"
