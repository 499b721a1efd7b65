#!/usr/bin/env bash
# Fuzzes with libFuzzer, AddressSanitizer and UBSan; ends with a table and fails if anything was found.
set -euo pipefail
. "$(dirname "$0")/../../cmake/script.sh"

usage="usage: tests/fuzz/run.sh [SECONDS] [TARGET...]
Fuzzes each target (default: all) for so many seconds (default: 60), from tests/fuzz/corpus and from what earlier
runs have found, which lies in build/fuzz/found."

seconds=60
case ${1-} in
  -h | --help) echo "$usage" && exit ;;
  [0-9]*) seconds=$1 && shift ;;
esac
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "$usage"

mapfile -t all < <(cd tests/fuzz && ls -- *.cpp | sed 's/\.cpp$//' | grep -vx replay)
targets=("${@:-${all[@]}}")
for target in "${targets[@]}"; do
  [[ " ${all[*]} " == *" $target "* ]] || die "no target $target; there are: ${all[*]}"
done

cmake/deps.sh fuzz
build=build/fuzz
configure $build -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="$(find_clang)" -DMUXPRO_BUILD_TESTS=ON -DMUXPRO_FUZZ=ON \
  -DMUXPRO_SANITIZE=address -DMUXPRO_BUILD_EXAMPLES=OFF -DMUXPRO_BUILD_PROXY=OFF \
  -DCMAKE_CXX_FLAGS=-fsanitize=fuzzer-no-link "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1 -D_GLIBCXX_ASSERTIONS"
build $build --target "${targets[@]/#/muxpro_fuzz_}"

# Address randomization of some kernels takes places that the sanitizers want.
fixed_addresses=(setarch "$(uname -m)" -R)
"${fixed_addresses[@]}" true 2>/dev/null || fixed_addresses=()
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0:malloc_context_size=2:quarantine_size_mb=16
export UBSAN_OPTIONS=print_stacktrace=1

# Shows the last line of the log now and then while the fuzzer runs.
progress() { # PID LOG
  while sleep 20 && kill -0 "$1" 2>/dev/null; do
    grep -aE '^#[0-9]+' "$2" | tail -n 1 | cut -c1-110 || true
  done
}

statistic() { grep -aoE "stat::$2: +[0-9]+" "$1" | grep -oE '[0-9]+$' || echo 0; } # LOG NAME
coverage() { grep -aoE "\b$2: [0-9]+" "$1" | tail -n 1 | grep -oE '[0-9]+$' || echo 0; } # LOG cov|ft

fuzz() { # TARGET
  local target=$1 program=$build/bin/muxpro_fuzz_$1 log=$build/$1.log status=0 finding result=clean
  mkdir -p "$build/found/$target" "$build/findings"
  echo "fuzzing $target for $seconds s"
  local before
  before=$(ls "$build/findings")
  "${fixed_addresses[@]}" "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -max_len=2048 -len_control=20 -reload=0 -entropic=0 -artifact_prefix="$build/findings/$target-" \
    "$build/found/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 &
  local pid=$!
  progress "$pid" "$log" &
  wait "$pid" || status=$?
  if ((status)); then
    result=FOUND
    finding=$(comm -13 <(echo "$before") <(ls "$build/findings") | grep "^$target-" | head -n 1) || true
    grep -aE -A25 'broken promise|ERROR: |runtime error|SUMMARY' "$log" | head -n 60 | cut -c1-200 || true
    reproduce+=("$program $build/findings/$finding")
  fi
  table+=("$(printf '%-16s %12s %8s %8s %8s  %s' "$target" "$(statistic "$log" number_of_executed_units)" \
    "$(statistic "$log" average_exec_per_sec)" "$(coverage "$log" cov)" "$(coverage "$log" ft)" "$result")")
}

table=() reproduce=()
for target in "${targets[@]}"; do fuzz "$target"; done
printf '%-16s %12s %8s %8s %8s  %s\n' target executions per-s edges features result
printf '%s\n' "${table[@]}"
((${#reproduce[@]} == 0)) || printf 'reproduce: %s\n' "${reproduce[@]}"
((${#reproduce[@]} == 0))
