"""Prints line coverage by ring from the summary of llvm-cov. What is on ring 3 is named here, ring 4 is proxy/."""
import json
import sys

RING_3 = {
    "session", "sub_stream", "sub_datagram", "client_pool", "relay", "session_impl", "session_ends",
    "session_operations", "session_read", "session_watch", "session_write", "stream_ends", "stream_state",
    "stream_datagrams", "datagram_state", "outbox", "transport", "pool_impl", "pool_connection", "relay_state",
    "failure",
}
LEAST = {"rings 0-2": 97.0, "library": 93.0}


def ring_of(path):
    if path.startswith(("include/muxpro/proxy/", "src/proxy/")):
        return "ring 4"
    if path.startswith("include/muxpro/testing/"):
        return "test kit"
    if path.startswith("include/muxpro"):
        name = path.rsplit("/", 1)[-1].split(".")[0]
        return "ring 3" if name in RING_3 else "rings 0-2"
    return None


def main():
    root, summary = sys.argv[1], sys.argv[2]
    with open(summary, encoding="utf-8") as f:
        files = json.load(f)["data"][0]["files"]
    totals, worst = {}, []
    for entry in files:
        path = entry["filename"].removeprefix(root + "/")
        ring = ring_of(path)
        lines = entry["summary"]["lines"]
        if ring is None or lines["count"] == 0:
            continue
        groups = [ring] + (["library"] if ring != "test kit" else [])
        for group in groups:
            covered, count = totals.get(group, (0, 0))
            totals[group] = covered + lines["covered"], count + lines["count"]
        worst.append((lines["count"] - lines["covered"], path, lines["percent"]))
    print("\nfiles with the most lines that no test reaches:")
    for missing, path, percent in sorted(worst, reverse=True)[:12]:
        print(f"  {missing:4} lines  {percent:5.1f} %  {path}")
    failed = False
    for group, (covered, count) in sorted(totals.items()):
        percent = 100 * covered / count
        least = LEAST.get(group, 0)
        failed |= percent < least
        print(f"{group:<10} {covered:6} of {count:6} lines  {percent:5.1f} %" + (f"  (at least {least} %)" if least else ""))
    sys.exit(failed)


main()
