"""Where everything is: programs, the target's files, ports; and the tunnels that are measured."""
import os
import shutil
from dataclasses import dataclass

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
BIN = os.path.join(ROOT, "build/release/bin")
RUN = os.path.join(ROOT, "build/bench/tunnel")
USER = "b831381d-6324-4d53-ad4f-8cda48b30811"  # of v2ray's two ends
OURS, PLAIN, TLS, SNIFFING = "muxpro", "plain relay", "muxpro TLS", "muxpro sniffing"
# Each connection has a main connection for itself: the memory of idle ones.
ALONE, TLS_ALONE = "muxpro one each", "muxpro TLS one each"
# A protocol, then what stands below and above it. "mux 8": Mux.Cool with a concurrency of 8.
PROTOCOLS = ("vless", "vless TLS", "trojan TLS", "vmess", "shadowsocks", "vless mux 8", "vless TLS mux 8", "vmess mux 8",
             "vmess TLS", "vmess TLS mux 8", "vless ws TLS", "vless grpc TLS", "vless reality", "vless TLS vision",
             "vless reality vision", "vless reality mux 8", "trojan TLS mux 8", "shadowsocks mux 8",
             "mux.pro TLS", "mux.pro ws TLS", "mux.pro grpc TLS", "mux.pro reality")
# Beside Xray and sing-box. Xray's server refuses TCP by Mux.Cool with Vision, so that its row with mux is without.
OF_SING_BOX = ("vless TLS", "vless TLS vision", "vless reality vision", "vmess", "trojan TLS", "shadowsocks")
BESIDE = (*OF_SING_BOX, "vless TLS mux 8", "vless reality mux 8", "vmess mux 8", "trojan TLS mux 8", "shadowsocks mux 8")
# What V2Ray 4 has, too.
OF_V2RAY = ("vmess", "vmess mux 8", "vmess TLS", "vmess TLS mux 8")


@dataclass(frozen=True)
class Tunnel:
    name: str
    server: tuple  # {server}, {client}, {target}: ports; {run}: RUN
    client: tuple
    needs: tuple
    packages: str
    usual: bool = True  # measured when no tunnel is named
    peer: bool = False  # one of those that have the same protocol

    def missing(self):
        return [n for n in self.needs if not (os.path.exists(n) if "/" in n else shutil.which(n))]


def by_protocol(program, command, protocol, packages="none; tests/interop/peers.sh xray fetches it"):
    """Both ends are one program, whose configurations files.py writes in its form."""
    end = f"{{run}}/{program}-{protocol.replace(' ', '-')}"
    return Tunnel(f"{program} {protocol}", (*command, f"{end}-server.json"), (*command, f"{end}-client.json"),
                  command[:1], packages, False, program != "v2ray" and protocol in BESIDE)


def own(name, tls=(), of_server=(), of_client=(), usual=True):
    muxpro, quiet = os.path.join(BIN, "muxpro"), ("--log-level", "warning")
    trust = ("--tls", "--tls-ca", "{run}/server.pem") if tls else ()
    return Tunnel(name, (muxpro, "server", "--listen", "127.0.0.1:{server}", "--allow-private", *tls, *of_server, *quiet),
                  (muxpro, "client", "--socks", "127.0.0.1:{client}", "--connect", "127.0.0.1:{server}", *trust, *of_client,
                   *quiet), (muxpro, "openssl") if tls else (muxpro,), "openssl" if tls else "", usual)


def tunnels():
    muxpro, relay = os.path.join(BIN, "muxpro"), os.path.join(BIN, "plain_relay")
    quiet = ("--log-level", "warning")
    tls = ("--tls-cert", "{run}/server.pem", "--tls-key", "{run}/server.key")
    one_each = (("--max-per-user", "2200", "--max-unnegotiated-per-source", "2200"),
                ("--concurrency", "1", "--max-connections", "2200"), False)
    ssh = ("ssh", "-F", "/dev/null", "-N", "-D", "127.0.0.1:{client}", "-p", "{server}", "-i", "{run}/user_key", "-o",
           "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o",
           "LogLevel=ERROR", "127.0.0.1")
    return [
        Tunnel("direct", (), (), (), ""),
        Tunnel(PLAIN, (relay, "remote", "{server}"), (relay, "local", "{client}", "{server}"), (relay,), ""),
        own(OURS),
        own(TLS, tls),
        own(ALONE, (), *one_each),
        own(TLS_ALONE, tls, *one_each),
        Tunnel(SNIFFING, (muxpro, "server", "--listen", "127.0.0.1:{server}", "--allow-private", *quiet),
               (muxpro, "run", "-c", "{run}/sniffing.json"), (muxpro,), ""),
        Tunnel("v2ray", ("v2ray", "-config", "{run}/v2ray-server.json"), ("v2ray", "-config", "{run}/v2ray-0.json"),
               ("v2ray",), "v2ray"),
        Tunnel("v2ray mux 8", ("v2ray", "-config", "{run}/v2ray-server.json"),
               ("v2ray", "-config", "{run}/v2ray-8.json"), ("v2ray",), "v2ray"),
        Tunnel("v2ray TLS mux 8", ("v2ray", "-config", "{run}/v2ray-server-tls.json"),
               ("v2ray", "-config", "{run}/v2ray-8-tls.json"), ("v2ray", "openssl"), "v2ray openssl"),
        Tunnel("ssh -D", ("/usr/sbin/sshd", "-D", "-e", "-f", "{run}/sshd_config"), ssh, ("ssh", "/usr/sbin/sshd"),
               "openssh-server openssh-client"),
        *(by_protocol("muxpro", (muxpro, "run", "-c"), protocol) for protocol in PROTOCOLS),
        *(by_protocol("xray", (os.path.join(ROOT, "build/peers/xray"), "run", "-c"), protocol) for protocol in PROTOCOLS
          if not protocol.startswith("mux.pro")),
        *(by_protocol("sing-box", (os.path.join(ROOT, "build/peers/sing-box"), "run", "-c"), protocol,
                      "none; tests/interop/peers.sh sing_box fetches it") for protocol in OF_SING_BOX),
        *(by_protocol("v2ray", ("v2ray", "-config"), protocol, "v2ray") for protocol in OF_V2RAY),
    ]
