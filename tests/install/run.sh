#!/usr/bin/env bash
# Installs the package, static and shared, and builds the project in this directory against it: by g++ and by clang++, for
# all targets and components, by CMake and by pkg-config; against the build tree; and with muxpro as a part of the
# project's own tree. Ends with "N passed, N failed".
set -euo pipefail
CXX=g++
. "$(dirname "$0")/../../cmake/script.sh"

cmake/deps.sh clang package
clang=$(find_clang)
static=$root/build/prefix
shared=$root/build/prefix-shared
passed=0 failed=0

# The checks' own output goes to their reports.
exec 4>&"${MUXPRO_PROGRESS:-1}"
export MUXPRO_PROGRESS=4

# A consumer is one file to compile: as many checks run at a time as there are processors.
reports=()
check() { # NAME COMMAND...
  while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
  reports+=("build/consumer/report-${#reports[@]}")
  run_check "$@" >"${reports[-1]}" 2>&1 &
}
run_check() { # NAME COMMAND...
  local start=$SECONDS result=passed
  "${@:2}" || result=FAILED
  printf '%-32s %4s s   %s\n' "$1" $((SECONDS - start)) $result
}

# Waits for the checks and shows their reports, in order.
finish() {
  local file
  wait
  for file in "${reports[@]}"; do
    cat "$file"
    if grep -q ' passed$' "$file"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done
  reports=()
}

# Packages that an installation must do without are hidden from CMake.
without() { printf -- '-DCMAKE_DISABLE_FIND_PACKAGE_%s=ON\n' "$@"; }

# Both kinds have the objects of build/release: ccache keeps them. Warnings of the optimizer are errors.
install_package() { # PREFIX BUILD-DIRECTORY CMAKE-ARGUMENT...
  local prefix=$1 directory=$2
  shift 2
  rm -rf "$prefix" "$directory"
  logged "$directory.log" cmake -S . -B "$directory" -G Ninja "${release[@]}" -DMUXPRO_BUILD_EXAMPLES=OFF \
    -DMUXPRO_WERROR=ON -DCMAKE_INSTALL_PREFIX="$prefix" $(without Catch2) "$@" &&
    logged "$directory.log" nice cmake --build "$directory" --target install
}

consumer() { # NAME CMAKE-ARGUMENT...
  local directory=build/consumer/$1
  shift
  rm -rf "$directory"
  logged "$directory.log" cmake -S tests/install -B "$directory" -G Ninja "$@" &&
    logged "$directory.log" cmake --build "$directory" &&
    logged "$directory.log" timeout 60 "$directory/forwarder"
}

# A component that cannot be had is an error with the reason, and the core does not look for what only the proxy needs.
core_alone() {
  consumer core-alone -DCMAKE_CXX_COMPILER=g++ -DCMAKE_PREFIX_PATH="$static" -DFORWARDER_COMPONENTS=core \
    $(without OpenSSL Re2 re2 Cares c-ares Nghttp2 nghttp2 nlohmann_json)
}
proxy_without_packages() {
  local log=build/consumer/no-packages.log
  rm -rf build/consumer/no-packages
  ! cmake -S tests/install -B build/consumer/no-packages -DFORWARDER_COMPONENTS=proxy -DCMAKE_CXX_COMPILER=g++ \
    -DCMAKE_PREFIX_PATH="$static" $(without OpenSSL) >"$log" 2>&1 &&
    grep -q 'muxpro::proxy needs what CMake does not find: OpenSSL' "$log"
}

by_pkg_config() { # PREFIX
  local out=build/consumer/pkg-config
  export PKG_CONFIG_PATH=$1/lib/pkgconfig:$1/lib64/pkgconfig
  # shellcheck disable=SC2046 # several words
  logged $out.log g++ -std=c++20 -O0 tests/install/proxy.cpp -o $out $(pkg-config --cflags --libs muxpro-proxy) &&
    LD_LIBRARY_PATH=$1/lib:$1/lib64 logged $out.log timeout 60 $out
}

# The program finds its libraries by itself; of muxpro::detail they export what cmake/exports.map names, and nothing else.
shared_libraries() {
  local name
  [ "$("$shared"/bin/muxpro --version)" = "$("$static"/bin/muxpro --version)" ] || return 1
  for name in muxpro muxpro_proxy; do
    if comm -13 <(named) <(exported $name) | grep .; then
      echo "lib$name.so exports these of muxpro::detail"
      return 1
    fi
  done
  exported muxpro | grep -qx session_impl
}
named() { sed -n 's/^ *muxpro::detail::\([a-z_]*\)\(::\)\?\*;$/\1/p' cmake/exports.map | sort; }
exported() { # LIBRARY: the names in muxpro::detail of its symbols
  nm -DC --defined-only "$shared"/lib*/lib"$1".so |
    sed -n 's/^[0-9a-f]* . \([a-z ]* for \)\?muxpro::detail::\([a-z_]*\).*/\2/p' | sort -u
}

# What is installed asks nothing of its users that only this project's own code is compiled with.
contents() {
  [ -s "$static/share/doc/muxpro/LICENSE" ] && ! grep -rE 'ASIO_NO_DEPRECATED|nlohmann|Catch2' "$static"/lib*/cmake \
    "$static"/lib*/pkgconfig
}

mkdir -p build/consumer
check "install" install_package "$static" "$root/build/package"
finish
check "contents" contents
for compiler in g++ "$clang"; do
  for library in muxpro header_only; do
    check "$compiler muxpro::$library" consumer "$compiler-$library" -DCMAKE_CXX_COMPILER="$compiler" \
      -DFORWARDER_LIBRARY=muxpro::$library -DCMAKE_PREFIX_PATH="$static"
  done
done
check "g++ core alone" core_alone
check "g++ muxpro::proxy" consumer proxy -DCMAKE_CXX_COMPILER=g++ -DFORWARDER_LIBRARY=muxpro::proxy \
  -DCMAKE_PREFIX_PATH="$static"
check "proxy without its packages" proxy_without_packages
check "g++ pkg-config" by_pkg_config "$static"
check "g++ build tree" consumer build-tree -DCMAKE_CXX_COMPILER=g++ -Dmuxpro_DIR="$root/build/package"
check "g++ add_subdirectory" consumer subdirectory -DCMAKE_CXX_COMPILER=g++ -DFORWARDER_MUXPRO_SOURCE="$root"
check "install, shared" install_package "$shared" "$root/build/package-shared" -DBUILD_SHARED_LIBS=ON
finish
check "shared libraries" shared_libraries
for library in muxpro proxy; do
  check "g++ shared muxpro::$library" consumer shared-$library -DCMAKE_CXX_COMPILER=g++ \
    -DFORWARDER_LIBRARY=muxpro::$library -DFORWARDER_COMPONENTS=proxy -DCMAKE_PREFIX_PATH="$shared"
done
check "g++ shared pkg-config" by_pkg_config "$shared"
finish

echo "$passed passed, $failed failed"
((failed == 0))
