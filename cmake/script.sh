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

# logged FILE COMMAND...: quiet, unless the command fails.
logged() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | head -n 120 >&2 || true
    printf 'failed: %s\n(from %s)\n' "$*" "$log" >&2
    return 1
  fi
}

# The clang++ to check with: 16 first, the oldest that works.
clang_versions=(16 19 18 17 20 21)
find_clang() {
  local version major
  for version in "${clang_versions[@]/#/-}" ''; do
    command -v "clang++$version" >/dev/null || continue
    major=$("clang++$version" -dumpversion)
    if ((${major%%.*} >= 16)); then
      echo "clang++$version"
      return
    fi
  done
  return 1
}
