#!/usr/bin/env bash
# Builds and runs all tests, and ends with the line "N passed, N failed".
set -euo pipefail
CXX=g++
. "$(dirname "$0")/../cmake/script.sh"

usage="usage: tests/run.sh [--quick | --long] [--only REGEX]
  --quick        the plain g++ build alone: no clang, no sanitizers, no installed package, no counts
  --long         also ASan and UBSan of g++, the conformance cases under them, each file of the proxy compiled alone,
                 real clients and servers (tests/real), other proxies (tests/interop), and one way of examples/scale_out
  --only REGEX   the steps whose name matches: 'plain/rules', '^asan', 'io', 'warnings', 'install'
Steps are readme, rings, planted, mutants, contracts, format, CONFIGURATION/PROGRAM for plain (g++, Release), asan (clang++) and
tsan (g++), plain/warnings, asan/warnings,
plain/process, plain/conformance, plain/rates, plain/instructions, asan/conformance, install, alone, real, interop and
scale_out."

quick=false long=false only=
while (($#)); do
  case $1 in
    --quick) quick=true ;;
    --long) long=true ;;
    --only) only=${2?"$usage"} && shift ;;
    -h | --help) echo "$usage" && exit ;;
    *) die "$usage" ;;
  esac
  shift
done

time_limit=600 # seconds for one program
passed=0 failed=0

wanted() { [[ $1 =~ $only ]]; }

report() { # STEP SECONDS PASSED FAILED [WHY]
  passed=$((passed + $3)) failed=$((failed + $4))
  printf '%-20s %4s s   %d passed, %d failed%s\n' "$1" "$2" "$3" "$4" "${5:+: $5}"
}

# Adds the counts of the report of another process.
count() { # REPORT
  [[ $1 =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed ]]
  passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
}

# Plain tests run the code that ships.
directory() { echo "build/${1/#plain/release}"; } # CONFIGURATION

configure_tests() { # CONFIGURATION CMAKE-ARGUMENT...
  configure "$(directory "$1")" -DMUXPRO_BUILD_TESTS=ON -DMUXPRO_TEST_BATCH=20 "${@:2}"
}

build_tests() { # CONFIGURATION TARGET...
  build "$(directory "$1")" --target "${@:2}" -- -k 0
}

# The sanitizers want memory at fixed places, which the address randomization of some kernels takes first.
fixed_addresses=(setarch "$(uname -m)" -R)
"${fixed_addresses[@]}" true 2>/dev/null || fixed_addresses=()

run_program() { # CONFIGURATION PROGRAM
  local step=$1/$2 start=$SECONDS status=0 program good bad begun why=
  program=$(directory "$1")/bin/muxpro_$2_tests
  if [ ! -x "$program" ]; then
    report "$step" 0 0 1 "not built"
    return
  fi
  : >"$program.results"
  MUXPRO_TEST_RESULTS=$program.results timeout -s ABRT -k 10 $time_limit "${fixed_addresses[@]}" "$program" \
    >"$program.log" 2>&1 </dev/null || status=$?

  good=$(grep -c '^passed ' "$program.results") || true
  bad=$(grep -c '^failed ' "$program.results") || true
  begun=$(grep -c '^begin ' "$program.results") || true
  if ((begun > good + bad)); then
    bad=$((bad + 1)) why="status $status in \"$(grep '^begin ' "$program.results" | tail -n 1 | cut -d' ' -f2-)\""
  elif ((begun == 0)); then
    bad=1 why="ran no test case, status $status"
  elif ((status != 0 && bad == 0)); then
    bad=1 why="status $status after the last test case"
  fi
  ((status != 124 && status != 137)) || why="not done after $time_limit s; $why"
  ((bad == 0)) || tail -n 120 "$program.log" | cut -c1-250
  report "$step" $((SECONDS - start)) "$good" "$bad" "$why"
}

# The configuration that reads each header alone: clang++ takes half the time of g++.
reads_headers=asan
! $quick || reads_headers=plain

# Builds what is wanted of a configuration, and leaves its programs in `programs`. With MUXPRO_WERROR, all is built, and
# that is a check of its own.
programs=()
build_configuration() { # CONFIGURATION CMAKE-ARGUMENT...
  local name=$1 start=$SECONDS step=$1/build good=0 program targets=()
  programs=()
  if ! configure_tests "$@"; then
    report "$name/configure" $((SECONDS - start)) 0 1
    return
  fi
  while read -r program; do
    wanted "$name/$program" || continue
    programs+=("$program") targets+=("muxpro_${program}_tests")
  done <"$(directory "$name")/test_programs.txt"
  if [[ $* == *MUXPRO_WERROR=ON* ]] && wanted "$name/warnings"; then
    step=$name/warnings good=1 targets=(all)
    [ "$name" != "$reads_headers" ] || targets+=(muxpro_headers_alone)
  fi
  ((${#targets[@]})) || return 0

  if build_tests "$name" "${targets[@]}"; then
    report "$step" $((SECONDS - start)) $good 0
  else
    report "$step" $((SECONDS - start)) 0 1 "warnings or errors, see above"
    # What stands in spite of warnings runs; what does not build must not be an old program.
    rm -f "$(directory "$name")"/bin/muxpro_*_tests
    ! grep -q '\[-Werror' "$(directory "$name")/build.log" || configure_tests "$@" -DMUXPRO_WERROR=OFF
    build_tests "$name" "${targets[@]}" 2>/dev/null || true
  fi
}

# As many at a time as there are processors; the reports come in order.
run_programs() { # CONFIGURATION
  local name=$1 program
  for program in "${programs[@]}"; do
    while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
    run_program "$name" "$program" >"$(directory "$name")/$program.report" &
  done
  wait
  for program in "${programs[@]}"; do cat "$(directory "$name")/$program.report"; done
}
run_configuration() { # CONFIGURATION CMAKE-ARGUMENT...
  build_configuration "$@"
  ((${#programs[@]} == 0)) || meanwhile run_programs "$1"
}

# meanwhile COMMAND...: runs steps beside the next build, which gives way to them. At most one such command runs.
meanwhile=
meanwhile() {
  finish_meanwhile
  meanwhile=build/meanwhile.report
  "$@" >"$meanwhile" 2>&1 &
}
finish_meanwhile() {
  local line lines
  [ -n "$meanwhile" ] || return 0
  wait
  cat "$meanwhile"
  lines=$(grep -E '^[a-z+-]+/[a-z_]+ .* passed, [0-9]+ failed' "$meanwhile") || true
  while read -r line; do count "${line:-0 passed, 1 failed}"; done <<<"$lines"
  meanwhile=
}

# The cases of the protocol, against the programs of a configuration.
run_conformance() { # CONFIGURATION/STEP TARGETS RUNNER-ARGUMENT...
  local name=${1%/*} bin log start=$SECONDS good bad
  wanted "$1" || return 0
  bin=$(directory "$name")/bin log=$(directory "$name")/${1#*/}
  # shellcheck disable=SC2086 # several targets
  if ! build_tests "$name" muxpro_program muxpro_conformance_client $2; then
    report "$1" $((SECONDS - start)) 0 1 "not built"
    return
  fi
  start=$SECONDS
  timeout $time_limit "${fixed_addresses[@]}" python3 tests/conformance/run.py --server "$bin/muxpro" \
    --client "$bin/muxpro_conformance_client" --junit "$log.xml" "${@:3}" >"$log.log" 2>&1 </dev/null || true
  if ! read -r good bad < <(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log.log"); then
    good=0 bad=1
  fi
  ((bad == 0)) || grep -v '^ok' "$log.log" | tail -n 120 | cut -c1-1000
  report "$1" $((SECONDS - start)) "$good" "$bad" "$(grep -c '^n/a' "$log.log") not applicable yet"
}

# The programs of the plain build as processes: signals, certificates, places to listen on.
run_process_cases() {
  wanted plain/process || return 0
  if build_tests plain muxpro_program echo_client echo_server own_inbound own_outbound own_transport; then
    run_script plain/process process_cases
  else
    report plain/process 0 0 1 "not built"
  fi
}
process_cases() { timeout $time_limit python3 tests/process --program build/release/bin/muxpro; }

# The README's first block of C++ is a program that is built, and the files it names are there.
run_readme() {
  local good=0 bad=0 file
  if diff <(sed -n '/^```cpp$/,/^```$/p' README.md | sed '/^```$/q' | grep -v '^```') examples/in_memory.cpp; then
    good=1
  else
    bad=1
  fi
  while read -r file; do
    if [ -e "$file" ]; then
      good=$((good + 1))
    else
      bad=$((bad + 1))
      echo "a README names $file, which does not exist"
    fi
  done < <(grep -ohP '(?<![\w/])(tests|examples|include|src|cmake)/[\w./-]+' README.md src/README.md tests/README.md examples/README.md |
    sed 's/[.]$//' | sort -u)
  report readme 0 "$good" "$bad"
}

# The folder of a file decides what it may include. The proxy includes only public headers of the library. Its rules
# include only rules and do no I/O. The inner rings of the library name no header of Asio.
run_rings() {
  local good=0 bad=0 file forbidden rules
  rules=$(sed -n 's/^set(muxpro_rule_folders \(.*\))$/\1/p' src/proxy/rules.cmake)
  rules=${rules// /|}
  local calls='_clock::now|getenv|[^:\w]::(setsockopt|socket|connect|bind|listen|accept|send|recv|open|read|write)\('
  local io='asio/(?!(ip/(address|tcp|udp)|local/stream_protocol|error)\.hpp)|fstream|thread|unistd'
  while read -r file; do
    forbidden='#include <muxpro/(detail|impl)/|(?<![\w:])detail::|muxpro::detail::'
    if [[ $file =~ ^src/proxy/($rules)/ ]]; then
      forbidden="$forbidden|#include <($io)|#include \"proxy/(?!($rules)/)|$calls"
    elif [[ $file == include/muxpro/* && $file != */proxy/* ]]; then
      forbidden='#include <(asio|muxpro/detail/asio)'
    fi
    if grep -HnP "$forbidden" "$file"; then
      bad=$((bad + 1))
    else
      good=$((good + 1))
    fi
  done < <(
    find include/muxpro/proxy src/proxy src/app -name '*.[ch]pp'
    grep -rlE '^// .*Ring [01][.,:]' include/muxpro --include=*.hpp
  )
  ((good > 0)) && [ -n "$rules" ] || bad=$((bad + 1))
  report rings 0 "$good" "$bad"
}

# The faults that tests/simulation/planted.sh plants must fit the code, or it shows nothing.
run_planted() {
  local good=0 bad=0 fault
  for fault in tests/simulation/faults/*.patch; do
    if patch --dry-run --silent --fuzz=0 -p1 <"$fault"; then
      good=$((good + 1))
    else
      bad=$((bad + 1))
      echo "$fault does not apply"
    fi
  done
  report planted 0 "$good" "$bad"
}

# The changes of tests/mutation must fit the code as well.
mutation_list() { python3 tests/mutation/run.py --check; }

# Comments of asynchronous functions have four parts.
contracts() { python3 tests/contracts.py; }

# The version that .clang-format names would change no file.
formatting() {
  local files bad
  mapfile -t files < <(git ls-files '*.cpp' '*.hpp' '*.ipp')
  mapfile -t bad < <(clang-format-14 --dry-run "${files[@]}" 2>&1 | sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: .*/\1/p' | sort -u)
  ((${#bad[@]} == 0)) || printf 'clang-format-14 -i %s\n' "${bad[@]}"
  echo "$((${#files[@]} - ${#bad[@]})) passed, ${#bad[@]} failed"
}

# A script whose last line counts what passed; its lines are shown if it failed, or at any rate with --show.
run_script() { # STEP SCRIPT [--show]
  local step=$1 start=$SECONDS log=build/${1/\//-}.log good bad
  wanted "$step" || return 0
  echo "running $2"
  MUXPRO_PROGRESS=3 "$2" 3>&1 >"$log" 2>&1 || true
  if ! read -r good bad < <(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log"); then
    good=0 bad=1
  fi
  ((good + bad > 0)) || bad=1 # a script that checks nothing
  if [ "${3-}" = --show ] || ((bad > 0)); then cat "$log"; fi
  report "$step" $((SECONDS - start)) "$good" "$bad"
}

if $quick; then
  cmake/deps.sh tests format
else
  cmake/deps.sh tests format clang sanitizers bench
fi
# Catch2 handles signals too, but the sanitizers have more to say about them.
signals=handle_segv=2:handle_sigbus=2:handle_sigill=2:handle_sigfpe=2:handle_abort=2
export ASAN_OPTIONS=$signals:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=$signals:halt_on_error=1:second_deadlock_stack=1:report_signal_unsafe=0
ulimit -c 0

# Mapped paths make debug information the same in every clone, and traces short.
flags="-O1 -g1 -D_GLIBCXX_ASSERTIONS '-ffile-prefix-map=$root=.'"
debug=(-DCMAKE_BUILD_TYPE=Debug "${large_units[@]}" -DMUXPRO_BUILD_EXAMPLES=OFF)
gcc=("${debug[@]}" -DCMAKE_CXX_COMPILER=g++ "-DCMAKE_CXX_FLAGS_DEBUG=$flags $gcc_heap")
clang=("${debug[@]}" "-DCMAKE_CXX_COMPILER=$(find_clang || true)" "-DCMAKE_CXX_FLAGS_DEBUG=$flags")
! wanted readme || run_readme
! wanted rings || run_rings
! wanted planted || run_planted
mkdir -p build
run_script mutants mutation_list
run_script contracts contracts
run_script format formatting
plain_steps() {
  ((${#programs[@]} == 0)) || run_programs plain
  run_process_cases
  run_conformance plain/conformance "muxpro_rules_tests muxpro_wait_tests muxpro_io_tests muxpro_proxy_tests" \
    --rates without
  $quick || run_script plain/instructions tests/bench/instructions.sh --show
}
build_configuration plain "${release[@]}" -DMUXPRO_WERROR=ON
if ((${#programs[@]} > 0)) || wanted plain/process || wanted plain/conformance || wanted plain/instructions; then
  meanwhile plain_steps
fi
if ! $quick; then
  run_configuration asan "${clang[@]}" -DMUXPRO_SANITIZE=address -DMUXPRO_WERROR=ON
  if $long; then
    finish_meanwhile
    run_conformance asan/conformance "" --data-only --slow 5
  fi
  run_configuration tsan "${gcc[@]}" -DMUXPRO_SANITIZE=thread
  ! $long || run_configuration asan-g++ "${gcc[@]}" -DMUXPRO_SANITIZE=address
  run_script install tests/install/run.sh
fi
finish_meanwhile
# Other work would slow one of two rates down.
run_conformance plain/rates "" --rates only
# Outside of units each file of the proxy needs its own includes, and so does each private header.
each_alone() {
  configure build/alone -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O0" -DCMAKE_CXX_COMPILER=g++ -DMUXPRO_UNITY=OFF \
    -DMUXPRO_BUILD_TESTS=ON -DMUXPRO_BUILD_EXAMPLES=OFF &&
    build build/alone --target muxpro_program muxpro_private_headers_alone && echo "1 passed, 0 failed"
}
! $long || run_script alone each_alone
real_parts() { tests/real/run.sh --long; } # with 1 GiB to fetch
! $long || run_script real real_parts
other_proxies() { tests/interop/run.sh --quick; }
! $long || run_script interop other_proxies

# The shortest way of the example; it is left out if its proxies cannot be had.
run_scale_out() {
  local start=$SECONDS log=build/scale_out.log status=0
  wanted scale_out || return 0
  echo "running scale_out"
  { build_tests plain muxpro_program && PROGRAM=$root/build/release/bin/muxpro examples/scale_out/run.sh grpc; } \
    >"$log" 2>&1 || status=$?
  ((status == 0 || status == 77)) || tail -n 120 "$log"
  case $status in
    0) report scale_out $((SECONDS - start)) 1 0 ;;
    77) report scale_out $((SECONDS - start)) 0 0 "left out, $(tail -n 1 "$log")" ;;
    *) report scale_out $((SECONDS - start)) 0 1 "status $status" ;;
  esac
}
! $long || run_scale_out

printf 'in %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
