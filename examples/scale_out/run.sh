#!/usr/bin/env bash
# Three servers behind HAProxy, nginx's stream proxy, nginx's grpc proxy, and a name with three addresses, from which the
# record of the drained server is taken before (dns), or not at all (stale). In each of the five ways one server is drained
# by SIGTERM under 10,000 small requests. All that was under way must be finished, and the script counts the new requests
# that failed: run.sh [haproxy | stream | grpc | dns | stale]...
# The environment's PROGRAM is the muxpro to use; by default build/release is built. The status is 77 if HAProxy, nginx or
# curl cannot be had.
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

here=$root/examples/scale_out
run=$root/build/scale_out
requests=10000 together=64 client_port=27080 target=http://127.0.0.1:27090

install_missing() {
  local module=/usr/lib/nginx/modules/ngx_stream_module.so
  if command -v haproxy >/dev/null && command -v curl >/dev/null && [ -e $module ]; then return; fi
  logged build/deps.log apt-get install -y --no-install-recommends haproxy curl nginx-light libnginx-mod-stream ||
    missing "needed: haproxy, curl, nginx with its stream module (Debian packages haproxy curl nginx-light libnginx-mod-stream)"
}
missing() {
  printf '%s\n' "$*" >&2
  exit 77
}

if [ -z "${PROGRAM-}" ]; then
  cmake/deps.sh demo
  configure_release -DMUXPRO_BUILD_TESTS=OFF
  build build/release --target muxpro_program
  PROGRAM=$root/build/release/bin/muxpro
fi
install_missing

rm -rf "$run"
mkdir -p "$run/files"
head -c 1024 /dev/urandom >"$run/files/small"
head -c 8000000 /dev/urandom >"$run/files/large"
wanted=$(sha256sum <"$run/files/large")

pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true' EXIT

# start NAME COMMAND...: its process id is in $started.
start() {
  (cd "$run" && exec "${@:2}") >"$run/$1.out" 2>"$run/$1.log" </dev/null &
  started=$!
  pids+=($started)
}

await() { # COMMAND...
  local tries
  for ((tries = 0; tries < 200; ++tries)); do
    ! "$@" 2>/dev/null || return 0
    sleep 0.1
  done
  die "this did not come true: $*; the logs are in $run"
}
listening() { (: <"/dev/tcp/127.0.0.1/$1"); }

# A server takes main connections with PROXY protocol, in gRPC, and on an address of its own.
server_config() { # NUMBER
  cat <<END
{
  "log": {"loglevel": "warning"},
  "metrics": {"listen": "127.0.0.1:2702$1"},
  "inbounds": [
    {"tag": "proxied", "protocol": "mux.pro", "listen": "127.0.0.1", "port": 2701$1,
     "streamSettings": {"sockopt": {"acceptProxyProtocol": true, "trustedProxies": ["127.0.0.1"]}}},
    {"tag": "grpc", "protocol": "mux.pro", "listen": "127.0.0.1", "port": 2703$1,
     "streamSettings": {"network": "grpc", "grpcSettings": {"serviceName": "mux"},
                        "sockopt": {"trustedXForwardedFor": ["X-Forwarded-For"]}}},
    {"tag": "named", "protocol": "mux.pro", "listen": "127.0.0.$(($1 + 1))", "port": 27041}
  ],
  "outbounds": [{"protocol": "freedom", "settings": {"allowPrivate": true}}]
}
END
}

servers=()
start_server() { # NUMBER
  server_config "$1" >"$run/server-$1.json"
  start "server-$1" "$PROGRAM" run -c "server-$1.json"
  servers[$1]=$started
  await listening "2702$1"
}

# The way from clients to the servers: what the client connects to, and how.
client_config() { # WAY
  local to='"address": "127.0.0.1", "port": 27001' stream='{}'
  case $1 in
    stream) to='"address": "127.0.0.1", "port": 27002' ;;
    grpc)
      to='"address": "127.0.0.1", "port": 27003'
      stream='{"network": "grpc", "grpcSettings": {"serviceName": "mux"}}'
      ;;
    dns | stale) to='"address": "proxy.scale.test", "port": 27041' ;;
  esac
  cat <<END
{
  "log": {"loglevel": "warning"},
  "inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": $client_port}],
  "outbounds": [{"protocol": "mux.pro", "settings": {$to}, "streamSettings": $stream}]
}
END
}

fetch() { curl --silent --no-progress-meter --proxy "socks5h://127.0.0.1:$client_port" "$@"; }
done_so_far() { wc -l <"$run/requests.txt"; }
served() { # NUMBER: sub-streams that the server has had
  curl --silent "http://127.0.0.1:2702$1/metrics" | awk '/^muxpro_connections_total{kind="outbound"/ { sum += $NF } END { print sum + 0 }'
}
busiest() {
  local number
  for number in 1 2 3; do echo "$(served $number) $number"; done | sort -n | tail -n 1 | cut -d' ' -f2
}

is_by_name() { [ "$1" = dns ] || [ "$1" = stale ]; } # WAY

# Downloads that are under way when the server drains take six seconds each.
long_downloads() {
  local n
  for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    fetch --limit-rate 1300k --output "$run/large.$n" "$target/large" &
    downloads+=($!)
  done
}
check_downloads() {
  local n bad=0
  for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    wait "${downloads[n - 1]}" || bad=$((bad + 1))
    [ "$(sha256sum <"$run/large.$n")" = "$wanted" ] || bad=$((bad + 1))
  done
  rm -f "$run"/large.*
  ((bad == 0)) || die "$1: downloads that were under way are not whole"
}

drain_under_load() { # WAY
  local way=$1 client load number drained begun=$SECONDS failed downloads=() before
  client_config "$way" >"$run/client.json"
  if is_by_name "$way"; then
    start client unshare --mount sh -c 'mount --bind resolv.conf /etc/resolv.conf && exec "$0" run -c client.json' "$PROGRAM"
  else
    start client "$PROGRAM" run -c client.json
  fi
  client=$started
  await listening $client_port
  await fetch --fail --output /dev/null "$target/small"

  printf '127.0.0.%s\n' 2 3 4 >"$run/addresses"
  : >"$run/requests.txt"
  fetch --parallel --parallel-immediate --parallel-max $together --output /dev/null \
    --write-out '%{exitcode} %{http_code}\n' "$target/small?[1-$requests]" >"$run/requests.txt" &
  load=$!
  long_downloads
  await eval '(($(done_so_far) > requests / 4))'
  number=$(busiest)
  if [ "$way" = dns ]; then
    sed -i "/\.$((number + 1))$/d" "$run/addresses"
    sleep 1.5 # the life of the old answer
  fi
  before=$(done_so_far)
  kill -TERM "${servers[$number]}"
  drained=0
  wait "${servers[$number]}" || drained=$?
  check_downloads "$way"
  wait $load || true
  failed=$(grep -cv '^0 200$' "$run/requests.txt") || true
  ((drained == 0)) || die "$way: the drained server ended with status $drained"
  printf '%-8s %d requests failed, of %d after SIGTERM; 12 downloads that were under way are whole; %d s\n' \
    "$way" "$failed" $(($(done_so_far) - before)) $((SECONDS - begun))
  kill -TERM "$client"
  wait "$client" || true
  start_server "$number"
}

printf '127.0.0.%s\n' 2 3 4 >"$run/addresses"
for number in 1 2 3; do start_server $number; done
start haproxy haproxy -f "$here/haproxy.cfg"
{
  [ ! -e /usr/lib/nginx/modules/ngx_stream_module.so ] || echo 'load_module /usr/lib/nginx/modules/ngx_stream_module.so;'
  cat "$here/nginx.conf"
} >"$run/nginx.conf"
start nginx nginx -p "$run" -c "$run/nginx.conf"
await listening 27001
await listening 27002
await listening 27090

for way in "${@:-haproxy stream grpc dns stale}"; do
  for one in $way; do
    if is_by_name "$one" && [ ! -e "$run/resolv.conf" ]; then
      [ "$(id -u)" = 0 ] || die "$one gives the client a resolv.conf of its own, which needs root"
      start names python3 "$here/name_server.py" 127.0.0.153 addresses
      echo 'nameserver 127.0.0.153' >"$run/resolv.conf"
    fi
    drain_under_load "$one"
  done
done
