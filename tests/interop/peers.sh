#!/usr/bin/env bash
# Fetches other proxies that speak the same protocols, for tests/interop: peers.sh [NAME...]. Debian's v2ray and
# shadowsocks-libev come from the system's packages, Xray-core and sing-box in pinned versions from the Go module proxy, into build/peers. A peer that
# cannot be had is left out, with a line about it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../cmake/script.sh"

peers=$root/build/peers
mkdir -p "$peers"

fetch_v2ray() {
  command -v v2ray >/dev/null || apt-get install -y --no-install-recommends v2ray >"$peers/v2ray.log" 2>&1 || return 1
  ln -sf "$(command -v v2ray)" "$peers/v2ray"
}

fetch_shadowsocks_libev() {
  command -v ss-server >/dev/null || apt-get install -y --no-install-recommends shadowsocks-libev \
    >"$peers/shadowsocks_libev.log" 2>&1
}

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

for name in "${@:-v2ray xray sing_box shadowsocks_libev}"; do
  for peer in $name; do
    if "fetch_$peer"; then
      echo "$peer is there"
    else
      echo "$peer cannot be had; see $peers/$peer.log"
    fi
  done
done
