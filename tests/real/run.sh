#!/usr/bin/env bash
# The program between real clients and real servers: tests/real/run.sh [--long] [CASE...]. Ends with "N passed, N failed".
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

case ${1-} in
  -h | --help) exec python3 tests/real --help ;;
esac

cmake/deps.sh tests real
if ! command -v gnutls-serv >/dev/null; then
  command -v apt-get >/dev/null || die "missing: gnutls-cli and gnutls-serv (Debian's gnutls-bin)"
  as_root=(env DEBIAN_FRONTEND=noninteractive)
  [ "$(id -u)" = 0 ] || as_root=(sudo -n "${as_root[@]}")
  logged build/deps.log "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=120 update
  logged build/deps.log "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends gnutls-bin
fi
python3 tests/real --check "$@"
# As people run it: with little memory left, glibc's malloc (which Debug builds have) fails where jemalloc does not.
configure_release -DMUXPRO_BUILD_TESTS=ON
build build/release --target muxpro_program
exec python3 tests/real --program build/release/bin/muxpro "$@"
