#!/usr/bin/env bash
# Line coverage of the library by its tests, by ring: tests/coverage.sh. Fails below 97 % for rings 0 to 2 and 93 %
# for all of it.
set -euo pipefail
. "$(dirname "$0")/../cmake/script.sh"

cmake/deps.sh tests clang
clang=$(find_clang)
version=${clang#clang++}
for tool in llvm-cov$version llvm-profdata$version python3; do
  command -v "$tool" >/dev/null || die "$tool is missing: it comes with the Debian package llvm$version or $tool"
done

flags="-O0 -fprofile-instr-generate -fcoverage-mapping"
configure build/coverage -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="$flags" \
  -DMUXPRO_BUILD_TESTS=ON -DMUXPRO_BUILD_EXAMPLES=OFF
programs=()
while read -r name; do
  [ "$name" = headers ] || programs+=("muxpro_${name}_tests")
done <build/coverage/test_programs.txt
build build/coverage --target "${programs[@]}"

objects=()
for program in "${programs[@]}"; do
  echo "running $program"
  LLVM_PROFILE_FILE=$root/build/coverage/$program.profraw \
    logged "build/coverage/$program.log" "build/coverage/bin/$program"
  objects+=(-object "build/coverage/bin/$program")
done
"llvm-profdata$version" merge -sparse -o build/coverage/all.profdata build/coverage/*.profraw
"llvm-cov$version" export -summary-only -instr-profile build/coverage/all.profdata "${objects[@]:1}" \
  >build/coverage/summary.json
python3 tests/coverage.py "$root" build/coverage/summary.json
