#!/usr/bin/env bash
# Installs what is missing: cmake/deps.sh [tests] [format] [clang] [sanitizers] [fuzz] [bench] [demo] [real] [package]. Without arguments: what the library and the
# examples need.
# On Debian and its like by apt-get, as root or through sudo; anywhere else it prints what is missing and fails.
set -euo pipefail
. "$(dirname "$0")/script.sh"

# compiles CONDITION HEADER...: whether g++ finds the headers and the condition holds after them.
compiles() {
  local condition=$1
  shift
  { printf '#include <%s>\n' "$@" && printf '#if !(%s)\n#error too old\n#endif\n' "$condition"; } |
    g++ -std=c++20 -x c++ -fsyntax-only - 2>/dev/null
}

# Whether that clang brings libFuzzer and the sanitizers.
links_fuzzer() {
  local clang
  clang=$(find_clang) &&
    echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' |
    "$clang" -x c++ -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null
}

has() {
  case $1 in
    g++) compiles '__cpp_impl_coroutine && (__GNUC__ >= 12 || __clang__)' coroutine ;;
    ccache | clang-format-14 | cmake | pkg-config | patch | valgrind | curl | wrk | openssl | chromium) command -v "$1" >/dev/null ;;
    nginx-light) PATH=$PATH:/usr/sbin command -v nginx >/dev/null ;;
    bind9-dnsutils) command -v dig >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    libasio-dev) compiles 'ASIO_VERSION >= 102200' asio/version.hpp ;;
    libfmt-dev) compiles 'FMT_VERSION >= 90000' fmt/core.h ;;
    libssl-dev) compiles 1 openssl/ssl.h ;;
    libre2-dev) compiles 1 re2/re2.h ;;
    libnghttp2-dev) compiles 'NGHTTP2_VERSION_NUM >= 0x013400' nghttp2/nghttp2.h ;;
    libc-ares-dev) compiles 'ARES_VERSION >= 0x011201' ares.h ;;
    nlohmann-json3-dev) compiles 'NLOHMANN_JSON_VERSION_MAJOR == 3 && NLOHMANN_JSON_VERSION_MINOR >= 11' nlohmann/json_fwd.hpp ;;
    libbenchmark-dev) compiles 1 benchmark/benchmark.h ;;
    libcli11-dev) compiles 1 CLI/CLI.hpp ;;
    libyaml-cpp-dev) compiles 1 yaml-cpp/yaml.h ;;
    libtomlplusplus-dev) compiles 1 toml++/toml.h ;;
    libqrencode-dev) compiles 1 qrencode.h ;;
    libwslay-dev) compiles 1 wslay/wslay.h ;;
    libjemalloc-dev) echo 'int main() {}' | g++ -x c++ -o /dev/null - -ljemalloc 2>/dev/null ;;
    python3) command -v python3 >/dev/null ;;
    nftables) PATH=$PATH:/usr/sbin command -v nft >/dev/null ;;
    iproute2) PATH=$PATH:/usr/sbin:/sbin command -v ip >/dev/null ;;
    catch2) compiles 1 catch2/catch_all.hpp || compiles 1 catch2/catch.hpp ;;
    clang) find_clang >/dev/null ;;
    libclang-rt) links_fuzzer ;;
  esac
}

needed=(g++ cmake ninja-build libasio-dev libfmt-dev libssl-dev libre2-dev libc-ares-dev libnghttp2-dev nlohmann-json3-dev
  libcli11-dev libjemalloc-dev libyaml-cpp-dev libtomlplusplus-dev libqrencode-dev)
for group; do
  case $group in
    tests) needed+=(ccache catch2 libwslay-dev patch python3 openssl nftables iproute2) ;;
    format) needed+=(clang-format-14) ;;
    clang) needed+=(clang) ;;
    sanitizers) needed+=(libclang-rt) ;;
    fuzz) needed+=(catch2 clang libclang-rt) ;;
    bench) needed+=(libbenchmark-dev valgrind) ;;
    demo) needed+=(curl) ;;
    real) needed+=(curl openssl wrk nginx-light bind9-dnsutils chromium gnutls-bin) ;;
    package) needed+=(pkg-config) ;;
    *) die "usage: cmake/deps.sh [tests] [format] [clang] [sanitizers] [fuzz] [bench] [demo] [real] [package]" ;;
  esac
done

find_missing() {
  missing=()
  local package
  for package in "${needed[@]}"; do
    has "$package" || missing+=("$package")
  done
}

# The version of the clang that is there, else of one that apt has and that is new enough.
clang_version() {
  local clang version
  if clang=$(find_clang); then
    version=$("$clang" -dumpversion)
    echo "${version%%.*}"
    return
  fi
  for version in "${clang_versions[@]}"; do
    [ -z "$(apt-cache madison "clang-$version" 2>/dev/null)" ] || break
  done
  echo "$version"
}

# The packages that are missing, by the names that apt has for them.
packages() {
  local package
  for package in "${missing[@]}"; do
    case $package in
      clang) package=clang-$(clang_version) ;;
      libclang-rt) package=libclang-rt-$(clang_version)-dev ;;
    esac
    echo "$package"
  done
}

find_missing
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
  die "missing: ${missing[*]} (names of Debian packages: g++ from 12, clang from 19, Asio from 1.22, fmt from 9, Catch2 from 2.13)
Please install them with the package manager of this system."
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  as_root=(sudo -n)
  sudo -n true 2>/dev/null ||
    die "missing: ${missing[*]}
Installing them needs root. Please run:
  sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends $(packages | paste -sd' ')'"
fi

echo "installing ${missing[*]}"
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@"; }
logged build/deps.log apt update
mapfile -t names < <(packages)
logged build/deps.log apt install -y --no-install-recommends "${names[@]}"

find_missing
((${#missing[@]} == 0)) ||
  die "installed, and still not usable: ${missing[*]} (g++ 12, clang 19, Asio 1.22, fmt 9 are the oldest that work)"
