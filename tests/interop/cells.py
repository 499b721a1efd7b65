"""The cells of the matrix: which client speaks which protocol with which server, over what. CLAIMS is what each program
claims to have."""
import itertools
from dataclasses import dataclass, replace

AEAD = ("aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305", "xchacha20-ietf-poly1305")
OF_2022 = ("2022-blake3-aes-128-gcm", "2022-blake3-aes-256-gcm", "2022-blake3-chacha20-poly1305")
WITH_USERS = tuple(f"{method}/users" for method in OF_2022 if "aes" in method)
VMESS = ("aes-128-gcm", "chacha20-poly1305", "none", "zero")


def vmess(*securities):
    return tuple(f"vmess/{security}" for security in securities)


def shadowsocks(*methods):
    return tuple(f"shadowsocks/{method}" for method in methods)


PROTOCOLS = ("vless", "vless+vision", *vmess(*VMESS), "trojan", *shadowsocks(*AEAD, *OF_2022, *WITH_USERS))
CARRIERS = ("raw", "ws", "ws+early", "httpupgrade", "grpc", "grpc+multi", "xhttp", "xhttp+forms", "xhttp+heads")
SECURITIES = ("none", "tls", "reality")
MUXES = ("none", "mux.cool", "xudp", "mux.pro")


@dataclass(frozen=True)
class Claims:
    """`as_client`, `as_server`: the multiplexers of either role."""
    protocols: tuple
    carriers: tuple = ("raw",)
    securities: tuple = ("none",)
    as_client: tuple = ("none",)
    as_server: tuple = ("none",)


CLAIMS = {
    "muxpro": Claims(PROTOCOLS, CARRIERS, SECURITIES, MUXES, MUXES),
    # Its current versions have VMess without the securities none and zero.
    "xray": Claims(tuple(p for p in PROTOCOLS if p not in vmess("none", "zero")), CARRIERS, SECURITIES, MUXES[:3],
                   MUXES[:3]),
    "sing-box": Claims(PROTOCOLS, ("raw", "ws", "ws+early", "httpupgrade", "grpc"), SECURITIES, ("none", "xudp"),
                       MUXES[:3]),
    "v2ray": Claims(("vless", *vmess(*VMESS), "trojan", *shadowsocks(*AEAD[:3])), ("raw", "ws"), SECURITIES[:2],
                    MUXES[:2], MUXES[:2]),
    "shadowsocks-libev": Claims(shadowsocks(*AEAD)),
    "trojan": Claims(("trojan",), securities=("tls",)),
}
HAVE_TIMERS = ("muxpro", "xray", "v2ray")  # that end idle connections


@dataclass(frozen=True)
class Cell:
    client: str
    server: str
    protocol: str
    carrier: str = "raw"
    security: str = "none"
    mux: str = "none"

    @property
    def what(self):
        return f"{self.protocol} {self.carrier} {self.security} {self.mux}"

    def __str__(self):
        return f"{self.client}-{self.server} {self.what}"

    @property
    def what_carries(self):
        return f"{self.carrier} {self.security}"

    @property
    def family(self):
        return self.protocol.split("/")[0]

    @property
    def peer(self):
        return self.server if self.client == "muxpro" else self.client

    def keeps_sources(self):
        """Whether datagrams of one socket go to several targets, and their answers come with the targets' addresses."""
        return self.family not in ("vless", "vmess") or self.mux in ("xudp", "mux.pro")

    def has_timers(self):
        return any(p in HAVE_TIMERS for p in (self.client, self.server) if p != "muxpro" or self.client == self.server)

    def is_possible(self):
        """What protocols allow to go together."""
        if self.family == "vless+vision":  # has its own way for datagrams, and no multiplexer for connections
            return self.carrier == "raw" and self.security != "none" and self.mux == "none"
        if self.family == "shadowsocks" and (self.security == "reality" or self.mux != "none" and "users" in self.protocol):
            return False
        if self.carrier.startswith("xhttp") and self.mux not in ("none", "mux.pro"):
            return False  # servers take no connections by Mux.Cool there
        return self.security != "reality" or not self.carrier.startswith(("ws", "http"))

    def is_claimed(self):
        client, server = CLAIMS[self.client], CLAIMS[self.server]
        if self.mux == "mux.pro" and {self.client, self.server} != {"muxpro"}:
            return False
        if "sing-box" in (self.client, self.server) and self.mux != "none" and self.family not in ("vless", "vmess"):
            return False  # XUDP and Mux.Cool of sing-box belong to these protocols
        if "sing-box" in (self.client, self.server) and self.family == "shadowsocks" and self.what_carries != "raw none":
            return False  # which has plugins for that
        return (self.mux in client.as_client and self.mux in server.as_server and
                all(value in have for c in (client, server) for value, have in (
                    (self.protocol, c.protocols), (self.carrier, c.carriers), (self.security, c.securities))))

    def between(self, client, server):
        return replace(self, client=client, server=server)


def aspects(cell):
    """What must be covered: each pair of a protocol, a security, a carrier and a multiplexer, and each cipher of a protocol
    over TCP alone."""
    values = (("family", cell.family), ("security", cell.security), ("carrier", cell.carrier), ("mux", cell.mux))
    alone = {cell.protocol} if (cell.carrier, cell.mux) == ("raw", "none") else set()
    return {*alone, *itertools.combinations(values, 2)}


def pairwise(cells):
    """Few of the cells that have all aspects of them all."""
    missing = set().union(*map(aspects, cells))
    while missing:
        best = max(cells, key=lambda cell: len(aspects(cell) & missing))
        missing -= aspects(best)
        yield best


def cells_between(client, server):
    every = [Cell(client, server, *values) for values in itertools.product(PROTOCOLS, CARRIERS, SECURITIES, MUXES)]
    yield from pairwise([cell for cell in every if cell.is_possible() and cell.is_claimed()])


def matrix():
    """All cells with muxpro at one end at least."""
    peers = [name for name in CLAIMS if name != "muxpro"]
    ends = [("muxpro", "muxpro"), *(("muxpro", p) for p in peers), *((p, "muxpro") for p in peers)]
    return [cell for client, server in ends for cell in cells_between(client, server)]


def quick(cells):
    """One cell of each protocol and carrier, with different programs, securities and multiplexers."""
    chosen = {}

    def alike(cell):
        return sum(2 * ((c.client, c.server) == (cell.client, cell.server)) + (c.security == cell.security) +
                   (c.mux == cell.mux) for c in chosen.values())

    for key in dict.fromkeys((c.family, c.carrier) for c in cells):
        chosen[key] = min((c for c in cells if (c.family, c.carrier) == key), key=alike)
    return list(chosen.values())


def comparisons(cell):
    """The same without muxpro, first between two of the peer, then with Xray."""
    others = ([(cell.peer, cell.peer), ("xray", cell.peer)] if cell.client == "muxpro" else
              [(cell.peer, cell.peer), (cell.peer, "xray")])
    if cell.peer == "muxpro":
        return []
    return [c for c in dict.fromkeys(cell.between(*ends) for ends in others) if c.is_claimed()]
