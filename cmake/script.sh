# What the scripts of this project share; sourced by them.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# A second clone finds its objects in ccache.
if command -v ccache >/dev/null && [ -z "${CMAKE_CXX_COMPILER_LAUNCHER+set}" ]; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$root
fi

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# progress LOG: copies its input to LOG and shows the steps of a build, "build/release [12/345]": on a terminal all in
# one line, elsewhere one in 15 s. The environment's MUXPRO_PROGRESS is the descriptor they go to, 1 by default.
progress() {
  local line name=${1%/build.log} interval=15 next to format='%s %s\n' end=''
  exec {to}>&"${MUXPRO_PROGRESS:-1}"
  [ ! -t "$to" ] || interval=0 format='\r%s %s' end='\r\033[K'
  next=$((SECONDS + interval))
  while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\n' "$line"
    [[ $line =~ ^\[[0-9]+/[0-9]+\] ]] && ((SECONDS >= next)) || continue
    # shellcheck disable=SC2059 # one of two formats
    printf "$format" "${name%.log}" "${BASH_REMATCH[0]}" >&"$to"
    next=$((SECONDS + interval))
  done >"$1"
  # shellcheck disable=SC2059
  printf "$end" >&"$to"
}

# logged FILE COMMAND...: quiet, unless the command fails.
logged() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" 2>&1 | progress "$log"; then
    grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | head -n 120 >&2 || true
    printf 'failed: %s\n(from %s)\n' "$*" "$log" >&2
    return 1
  fi
}

# configure DIRECTORY CMAKE-ARGUMENT...: if the compiler of the directory changes, CMake deletes its cache, and these
# arguments with it. The second run has the new compiler in the cache.
configure() {
  local log=$1/configure.log command=(cmake -S . -B "$1" -G Ninja "${@:2}")
  logged "$log" "${command[@]}" || return
  ! grep -q 'require your cache to be deleted' "$log" || logged "$log" "${command[@]}"
}

# build DIRECTORY [CMAKE-ARGUMENT...]; gives way to tests that run meanwhile
build() {
  echo "building $1"
  logged "$1/build.log" nice cmake --build "$1" -j "$(nproc)" "${@:2}"
}

# A build of all files takes less time in larger units than those for a developer who changes one file.
large_units=(-DCMAKE_UNITY_BUILD_BATCH_SIZE=20)

# A heap of half a GiB before g++ looks for garbage saves it a tenth of its time.
gcc_heap='--param ggc-min-heapsize=524288'

# What ships. Packages have the same flags, so that ccache finds their objects.
release=(-DCMAKE_CXX_COMPILER="${CXX:-g++}" -DCMAKE_BUILD_TYPE=Release "${large_units[@]}")
[[ ${CXX-} == *clang* ]] || release+=("-DCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG $gcc_heap")

# configure_release CMAKE-ARGUMENT...: the one build that examples, tests and benchmarks run.
configure_release() { configure build/release "${release[@]}" "$@"; }

# The clang++ to check with: the oldest that works first. Clang 16 keeps the address of a thread-local variable of Asio
# in a coroutine's frame, so that a coroutine that resumes on another thread allocates from the first thread's cache.
clang_versions=(19 20 21)
find_clang() {
  local version major
  for version in "${clang_versions[@]/#/-}" ''; do
    command -v "clang++$version" >/dev/null || continue
    major=$("clang++$version" -dumpversion)
    if ((${major%%.*} >= 19)); then
      echo "clang++$version"
      return
    fi
  done
  return 1
}

# The Python that the system's packages are for, which need not be the first one.
system_python() { PATH=/usr/bin:$PATH command -v python3; }
