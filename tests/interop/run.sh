#!/usr/bin/env bash
# The program beside Xray, sing-box, V2Ray, shadowsocks-libev, trojan, nginx, HAProxy, Chromium, and Python's websockets and
# grpcio: run.sh [--quick] [--program PATH] [CASE...]. Writes build/interop/matrix.md and matrix.json, and ends with "N
# passed, N failed". A full run takes 24 minutes on 2 cores, --quick 5. Peers that cannot be had are left out, and peers.sh
# prints why.
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

for word; do
  case $word in
    -h | --help | --list) exec "$(system_python)" tests/interop "$@" ;;
    --program | --program=*) given=yes ;;
  esac
done

cmake/deps.sh tests real
tests/interop/peers.sh
if [ -z "${given-}" ]; then
  configure_release -DMUXPRO_BUILD_TESTS=ON
  build build/release --target muxpro_program
  set -- --program build/release/bin/muxpro "$@"
fi
exec "$(system_python)" tests/interop "$@"
