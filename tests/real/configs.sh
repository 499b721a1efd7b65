#!/usr/bin/env bash
# configs.sh FOLDER [PROGRAM]: runs `muxpro check` over all .json files below FOLDER. Prints for each file whether it was
# accepted, how many lines it got, and the first mistake. Then prints how many were accepted and which reasons the others
# have. PEM files and lists that a configuration names are made in a copy of FOLDER, where absolute names are relative.
set -u
cd "$(dirname "$0")/../.."
folder=$(realpath "${1:?a folder}")
program=$(realpath "${2:-build/release/bin/muxpro}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$folder/." "$work"
cd "$work"

find . -name '*.json' -exec sed -i -E 's#("(certificateFile|keyFile)"[[:space:]]*:[[:space:]]*")/#\1./#' {} +

# geosite.dat and geoip.dat with all lists that are named, each of one entry.
python3 - "$work" <<'END'
import pathlib
import re
import sys


def field(number, content):
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def domain(attributes):
    return field(2, field(2, b"listed.example") + b"\x08\x02" +
                 b"".join(field(3, field(1, a.encode()) + b"\x10\x01") for a in attributes))


folder = pathlib.Path(sys.argv[1])
text = "\n".join(f.read_text(errors="replace") for f in folder.rglob("*.json"))
attributes = {}
for name, at in re.findall(r'geosite:([\w!.-]+)((?:@[\w!-]+)*)', text):
    attributes.setdefault(name.lower(), set()).update(filter(None, at.split("@")))
sites = b"".join(field(1, field(1, n.upper().encode()) + domain(a)) for n, a in sorted(attributes.items()))
block = field(2, field(1, bytes([192, 0, 2, 0])) + b"\x10\x18")
codes = sorted({n.lower().lstrip("!") for n in re.findall(r'geoip:(!?[\w-]+)', text)})
(folder / "geosite.dat").write_bytes(sites)
(folder / "geoip.dat").write_bytes(b"".join(field(1, field(1, n.upper().encode()) + block) for n in codes))
END

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=x.example" \
  -keyout "$work/new.key" -out "$work/new.crt" 2>/dev/null
make_files() { # that the configuration $1 names: PEM files of kind $2 are copies of $3
  local name
  while read -r name; do
    [[ $name != /* && ! -e $name ]] || continue
    mkdir -p "$(dirname "$name")"
    cp "$3" "$name"
  done < <(grep -oP "\"$2\"\s*:\s*\"\K[^\"]+" "$1")
}

accepted=0 refused=0
: >"$work/reasons"
while read -r file; do
  make_files "$file" certificateFile "$work/new.crt"
  make_files "$file" keyFile "$work/new.key"
  said=$(PROXY_PORT=${PROXY_PORT:-18080} timeout 30 "$program" check --lists "$work" "$file" 2>"$work/mistakes")
  status=$?
  lines=$(wc -l <"$work/mistakes")
  notes=$(grep -c '^note: ' <<<"$said")
  if ((status == 0)); then
    accepted=$((accepted + 1))
    printf 'accepted  %s (%d notes)\n' "$file" "$notes"
  else
    refused=$((refused + 1))
    printf 'refused   %s (%d lines, %d notes): %s\n' "$file" "$lines" "$notes" "$(head -1 "$work/mistakes" | cut -c1-200)"
    # Without places, so that the same reason counts as one.
    sed -E 's/^[^ ]*( "[^"]*")?(, line [0-9]+, column [0-9]+)?: //' "$work/mistakes" >>"$work/reasons"
  fi
done < <(find . -name '*.json' | sort)
echo
echo "$accepted accepted, $refused refused"
sort "$work/reasons" | uniq -c | sort -rn | head -40
((accepted > 0))
