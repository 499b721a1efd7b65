"""What the tunnels are held to: medians of ratios between two of them."""
from statistics import median

from places import BESIDE, OF_SING_BOX, OURS, PLAIN, SNIFFING, TLS


def of_requests(inner, carrier):
    """A server of REALITY dials its target for each connection, too."""
    return 0.6 if (inner, carrier) == ("vless", "reality") else 0.85


# workload, metric, relation, factor, against, of which tunnel of ours
BARS = (
    ("T1", "MBps", ">=", 0.9, PLAIN), ("T1", "MBps", ">=", 2, "v2ray mux 8"), ("T1", "cpu_per_GiB", "<=", 1.25, PLAIN),
    ("T2", "MBps", ">=", 0.9, PLAIN), ("T2", "MBps", ">=", 2, "v2ray mux 8"), ("T2", "cpu_per_GiB", "<=", 1.25, PLAIN),
    ("T3", "requests_per_s", ">=", 1, PLAIN), ("T3", "p99", "<=", 1, PLAIN),
    ("T3seq", "requests_per_s", ">=", 1, PLAIN), ("T3seq", "p99", "<=", 1, PLAIN),
    ("T1", "MBps", ">=", 0.6, PLAIN, TLS), ("T1", "MBps", ">=", 1, "ssh -D", TLS),
    ("T1", "cpu_per_GiB", "<=", 1.85, PLAIN, TLS), ("T2", "MBps", ">=", 0.68, PLAIN, TLS),
    ("T2", "cpu_per_GiB", "<=", 1.6, PLAIN, TLS), ("T3", "requests_per_s", ">=", 0.9, OURS, TLS),
    ("T3seq", "requests_per_s", ">=", 0.9, OURS, TLS), ("T1", "MBps", ">=", 0.97, OURS, SNIFFING),
    ("T2", "MBps", ">=", 0.97, OURS, SNIFFING), ("T3", "requests_per_s", ">=", 0.97, OURS, SNIFFING),
    ("T3seq", "requests_per_s", ">=", 0.97, OURS, SNIFFING), ("fresh", "p99", "<=", 1.5, PLAIN),
    ("T1", "MBps", ">=", 0.8, PLAIN, "muxpro vless mux 8"), ("T1", "MBps", ">=", 1.5, "v2ray mux 8", "muxpro vless mux 8"),
    ("T1", "MBps", ">=", 3, "v2ray TLS mux 8", "muxpro vless TLS mux 8"),
    ("T1", "MBps", ">=", 1.5, "v2ray vmess mux 8", "muxpro vmess mux 8"),
    ("T1", "MBps", ">=", 3, "v2ray vmess TLS mux 8", "muxpro vmess TLS mux 8"),
    *((workload, metric, ">=", factor, f"muxpro {inner} TLS", f"muxpro {inner} {carrier}")
      for inner in ("vless", "mux.pro") for carrier, most in (("ws TLS", 0.85), ("grpc TLS", 0.7), ("reality", 0.95))
      for workload, metric, factor in (("T1", "MBps", most), ("T3", "requests_per_s", of_requests(inner, carrier)))),
    ("T1s", "MBps", ">=", 0.95, "xray vless TLS vision", "muxpro vless TLS vision"),
)


def beside_others():
    """muxpro beside the programs that have the same protocol."""
    for protocol in BESIDE:
        for program in ("xray", "sing-box") if protocol in OF_SING_BOX else ("xray",):
            ends = f"{program} {protocol}", f"muxpro {protocol}"
            for workload in ("T1", "T1s", "T2"):
                yield workload, "MB_per_cpu_s", ">=", 1.2, *ends
            for workload in ("T3", "T3seq"):
                yield workload, "requests_per_cpu_s", ">=", 1.2, *ends
            yield "fresh", "p99", "<=", 1, *ends
            for end in ("client", "server"):
                yield "idle", f"{end}_KiB", "<=", 0.5, *ends


def rows(results):
    """Of those that were measured."""
    for workload, metric, relation, factor, against, *subject in (*BARS, *beside_others()):
        name, ratios = subject[0] if subject else OURS, []
        for number in results.rounds(workload, name):
            ours = results.value(workload, name, number, metric)
            other = results.value(workload, against, number, metric)
            if ours is not None and other:
                ratios.append(ours / other)
        if not ratios:
            continue
        value = median(ratios)
        holds = value >= factor if relation == ">=" else value <= factor
        yield [name, workload, metric, f"{relation} {factor:g} x {against}", f"{value:.2f} x",
               "holds" if holds else "**missed**"]
