#!/usr/bin/env bash
# Plants each fault of faults/ into a copy of the library, one at a time, and shows after how many seeds the
# simulation finds it: planted.sh [NAME...]. Fails if one is not found within 10000 seeds.
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

most=10000
faults=("$@")
if ((${#faults[@]} == 0)); then
  for patch in tests/simulation/faults/*.patch; do faults+=("$(basename "$patch" .patch)"); done
fi

cmake/deps.sh tests
build=build/planted missed=0
flags="-O1 -g1 -D_GLIBCXX_ASSERTIONS '-ffile-prefix-map=$root=.'"
printf '%-36s %6s   %s\n' fault seeds 'found by'
for fault in "${faults[@]}"; do
  configure $build -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=g++ "-DCMAKE_CXX_FLAGS_DEBUG=$flags" \
    -DMUXPRO_BUILD_TESTS=ON -DMUXPRO_BUILD_EXAMPLES=OFF "-DMUXPRO_PLANT=$fault"
  build $build --target muxpro_simulation_tests >/dev/null
  log=$build/$fault.log
  if timeout 600 $build/bin/muxpro_simulation_tests --seeds $most >"$log" 2>&1; then
    printf '%-36s %6s   not found\n' "$fault" ">$most"
    missed=$((missed + 1))
    continue
  fi
  seed=$(grep -aoE '^seed [0-9]+' "$log" | head -n 1 | cut -d' ' -f2) || true
  printf '%-36s %6s   %s\n' "$fault" "${seed:-?}" "$(grep -aE '^seed [0-9]+' "$log" | head -n 1 | sed -E 's/^seed [0-9]+ //' | cut -c1-110)"
done
((missed == 0)) || die "$missed faults were not found"
