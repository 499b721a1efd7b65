#!/usr/bin/env bash
# Installs the package and builds the project in this directory against it, by g++ and by clang++, for both targets;
# against the build tree; and with muxpro as a part of the project's own tree. Ends with "N passed, N failed".
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

cmake/deps.sh clang
clang=$(find_clang)
prefix=$root/build/prefix
package=$root/build/package
passed=0 failed=0

check() { # NAME COMMAND...
  local name=$1 start=$SECONDS result=passed
  shift
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)) result=FAILED; fi
  printf '%-32s %4s s   %s\n' "$name" $((SECONDS - start)) $result
}

install_package() {
  rm -rf "$prefix" "$package"
  logged build/package.log cmake -S . -B "$package" -G Ninja -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=Release \
    -DMUXPRO_BUILD_TESTS=OFF -DMUXPRO_BUILD_EXAMPLES=OFF -DMUXPRO_UNITY=ON -DCMAKE_INSTALL_PREFIX="$prefix" &&
    logged build/package.log cmake --build "$package" --target install
}

consumer() { # NAME CMAKE-ARGUMENT...
  local directory=build/consumer/$1
  shift
  rm -rf "$directory"
  logged "$directory.log" cmake -S tests/install -B "$directory" -G Ninja "$@" &&
    logged "$directory.log" cmake --build "$directory" &&
    logged "$directory.log" timeout 60 "$directory/forwarder"
}

check "install" install_package
for compiler in g++ "$clang"; do
  for library in muxpro header_only; do
    check "$compiler muxpro::$library" consumer "$compiler-$library" -DCMAKE_CXX_COMPILER="$compiler" \
      -DFORWARDER_LIBRARY=muxpro::$library -DCMAKE_PREFIX_PATH="$prefix"
  done
done
check "g++ build tree" consumer build-tree -DCMAKE_CXX_COMPILER=g++ -Dmuxpro_DIR="$package"
check "g++ add_subdirectory" consumer subdirectory -DCMAKE_CXX_COMPILER=g++ -DFORWARDER_MUXPRO_SOURCE="$root"

echo "$passed passed, $failed failed"
((failed == 0))
