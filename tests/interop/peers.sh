#!/usr/bin/env bash
# Fetches other programs that speak the same protocols, for tests/interop: peers.sh [NAME...]. Xray-core and sing-box come
# in pinned versions from the Go module proxy, into build/peers, the others from the system's packages. A line is printed
# about a peer that cannot be had. The published Go code of Mux.Pro (github.com/MuxPro/Mux) is none of them: the module proxy
# refuses it (`go list -m -versions github.com/MuxPro/Mux`, 2026-12-01). Recordings of it are replayed by unit tests instead
# (tests/io/session_dialect_go.cpp).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../cmake/script.sh"

peers=$root/build/peers
python=$(system_python)
mkdir -p "$peers"

from_debian() { # PACKAGE COMMAND...: is needed if the command fails
  "${@:2}" >/dev/null 2>&1 || apt-get install -y --no-install-recommends "$1" >"$peers/$1.log" 2>&1
}

fetch_v2ray() { from_debian v2ray command -v v2ray && ln -sf "$(command -v v2ray)" "$peers/v2ray"; }
fetch_shadowsocks_libev() { from_debian shadowsocks-libev command -v ss-server; }
fetch_trojan() { from_debian trojan command -v trojan; }
fetch_haproxy() { from_debian haproxy command -v haproxy; }
fetch_nginx() { from_debian nginx-light command -v nginx; }
fetch_chromium() { from_debian chromium command -v chromium; } # 300 MB: only when it is named
fetch_websockets() { from_debian python3-websockets "$python" -c 'import websockets'; }
fetch_grpcio() { from_debian python3-grpcio "$python" -c 'import grpc'; }

# go_install NAME PACKAGE@VERSION [FLAG...]: the version that is there already is kept.
go_install() {
  local name=$1 package=$2
  [ "$(cat "$peers/$name.version" 2>/dev/null)" != "$package" ] || return 0
  command -v go >/dev/null || return 1
  CGO_ENABLED=0 GOBIN=$peers/go nice -n 15 go install -p 1 -trimpath -ldflags=-s "${@:3}" "$package" \
    >"$peers/$name.log" 2>&1 || return 1
  mv "$peers/go/$(basename "${package%@*}")" "$peers/$name"
  echo "$package" >"$peers/$name.version"
}

fetch_xray() { go_install xray github.com/xtls/xray-core/main@v1.260327.0; }
fetch_sing_box() { go_install sing-box github.com/sagernet/sing-box/cmd/sing-box@v1.14.1 -tags=with_utls; }

for name in "${@:-v2ray xray sing_box shadowsocks_libev trojan nginx haproxy websockets grpcio}"; do
  for peer in $name; do
    if "fetch_$peer"; then
      echo "$peer is there"
    else
      echo "$peer cannot be had; see $peers/$peer.log"
    fi
  done
done
