#!/usr/bin/env bash
# Builds library, program and tests against newer compilers and libraries than Debian 12 has, and runs the tests:
#   run.sh [--root DIR] [--newest] [--compilers 'g++ clang++'] [--targets 'TARGET...'] [--jobs N]
#     in a Debian 13 root, which debootstrap makes in DIR (default: build/forward/trixie): g++ 14, clang 19, Asio 1.30,
#     fmt 10, Catch2 3, OpenSSL 3.5. With --newest Asio and fmt are those of Debian's unstable suite.
#   run.sh --here [--asio DIRECTORY-OF-asio.hpp] [--prefix DIR]... [--compilers CXX] [--targets 'TARGET...'] [--jobs N]
#     on this system, with an Asio of the caller's and with packages that are installed below each DIR, such as fmt, Catch2
#     or OpenSSL
# Targets are all by default; of 'muxpro muxpro_rules_tests' these are built, and the test programs among them run. Ends
# with "N passed, N failed".
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

debian=$root/build/forward/trixie here=false asio='' prefixes='' compilers='' targets=all newest=false jobs=$(nproc)
while (($#)); do
  case $1 in
    --root) debian=$(realpath -m "${2?}") && shift ;;
    --here) here=true ;;
    --newest) newest=true ;;
    --jobs) jobs=${2?} && shift ;;
    --asio) asio=$(realpath "${2?}") && shift ;;
    --prefix) prefixes+=${prefixes:+;}$(realpath "${2?}") && shift ;;
    --compilers) compilers=${2?} && shift ;;
    --targets) targets=${2?} && shift ;;
    -h | --help) sed -n '2,/^set/p' "$0" | grep '^#' | cut -c3- && exit ;;
    *) die "run.sh --help lists the arguments; '$1' is none" ;;
  esac
  shift
done

packages=(g++ clang ccache cmake ninja-build pkg-config libasio-dev libfmt-dev libssl-dev libre2-dev libc-ares-dev libnghttp2-dev
  nlohmann-json3-dev libcli11-dev libyaml-cpp-dev libtomlplusplus-dev libqrencode-dev libjemalloc-dev libwslay-dev catch2 python3
  openssl)

in_root() { chroot "$debian" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root TMPDIR=/tmp "$@"; }

make_root() {
  if [ ! -e "$debian/made" ]; then
    command -v debootstrap >/dev/null || logged build/forward.log apt-get install -y --no-install-recommends debootstrap
    mkdir -p "$debian"
    logged build/forward.log debootstrap --variant=minbase trixie "$debian"
    touch "$debian/made"
  fi
  [ -c "$debian/dev/null" ] || mknod -m 666 "$debian/dev/null" c 1 3
  logged build/forward.log in_root apt-get -q update
  logged build/forward.log in_root apt-get -q install -y --no-install-recommends "${packages[@]}"
}

# Asio and fmt of the unstable suite, unpacked beside those of Debian 13, in /newest.
get_newest() {
  echo 'deb [check-valid-until=no] http://deb.debian.org/debian sid main' >"$debian/etc/apt/sources.list.d/sid.list"
  printf 'Package: *\nPin: release n=sid\nPin-Priority: -10\n' >"$debian/etc/apt/preferences.d/sid"
  logged build/forward.log in_root apt-get -q update
  mkdir -p "$debian/newest"
  # shellcheck disable=SC2016 # for the shell in the root
  logged build/forward.log in_root sh -ec 'cd /newest && rm -f *.deb
    library=$(apt-cache show libfmt-dev/sid | sed -n "s/^Depends:.*\(libfmt[0-9]*\).*/\1/p")
    apt-get -q -o APT::Sandbox::User=root download libasio-dev/sid libfmt-dev/sid "$library"/sid
    for package in *.deb; do dpkg -x "$package" .; done'
  asio=/newest/usr/include prefixes=/newest/usr
}

# The files that git has, and those that are new: builds in the root stay out of the work tree.
copy_sources() {
  mkdir -p "$debian/muxpro"
  git ls-files -z --cached --others --exclude-standard | while IFS= read -rd '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
  done | tar --null --files-from=- --create | tar --extract --directory "$debian/muxpro"
}

# at COMMAND...: runs it where the build is.
at() { if $here; then "$@"; else in_root sh -c 'cd /muxpro && exec "$@"' sh "$@"; fi; }

passed=0 failed=0
step() { # NAME COMMAND...
  local start=$SECONDS result=passed
  if "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)) result=FAILED; fi
  printf '%-44s %5s s   %s\n' "$1" $((SECONDS - start)) $result
}

# Which versions a build has found.
versions() { # DIRECTORY
  local cache
  cache=$(at cat "$1/CMakeCache.txt")
  grep -oE '^(Catch2|fmt)_DIR:PATH=.*|^Asio_INCLUDE_DIR:PATH=.*|^OPENSSL_INCLUDE_DIR:PATH=.*' <<<"$cache" | sed 's/:PATH=/ /; s/^/  /'
}

run_tests() { # DIRECTORY
  local program
  for program in $(at sh -c "ls $1/bin/muxpro_*_tests 2>/dev/null"); do
    [ "$targets" = all ] || [[ " $targets " == *" $(basename "$program") "* ]] || continue
    step "$(basename "$1")/$(basename "$program")" logged "build/forward-$(basename "$1").log" at timeout 1200 "$program"
  done
}

build_with() { # COMPILER
  local directory words
  directory=build/forward-$1
  ! $newest || directory+=-newest
  words=(cmake -S . -B "$directory" -G Ninja -DCMAKE_BUILD_TYPE=Debug
    -DMUXPRO_BUILD_TESTS=ON -DMUXPRO_UNITY=ON -DMUXPRO_WERROR=ON "-DCMAKE_CXX_COMPILER=$1")
  [ -z "$asio" ] || words+=("-DAsio_INCLUDE_DIR=$asio")
  [ -z "$prefixes" ] || words+=("-DCMAKE_PREFIX_PATH=$prefixes")
  step "$1/configure" logged "$directory.log" at "${words[@]}"
  versions "$directory"
  # shellcheck disable=SC2086 # several targets
  step "$1/build" logged "$directory.log" at nice cmake --build "$directory" -j "$jobs" --target $targets
  run_tests "$directory"
}

mkdir -p build
if ! $here; then
  [ "$(id -u)" = 0 ] || die "a Debian 13 root needs root; --here uses what is installed"
  make_root
  ! $newest || get_newest
  copy_sources
fi
for compiler in ${compilers:-g++ clang++}; do build_with "$compiler"; done
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
