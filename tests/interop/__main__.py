"""The program and other proxies, each as the other one's client, on loopback alone: python3 tests/interop [--program PATH] [CASE...].

tests/interop/peers.sh fetches the others. Cases of a peer that is not there are left out, with a line about it."""
import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "process")]
import carriers
import keyed
import reality
import shadowsocks
from parts import Failed, Scene
from peers import PEERS, SING_BOX, Peer

CASES = {f"{name}_{peer.name}_{role}": (case, peer, role) for name, case in keyed.CASES.items() for peer in PEERS
         for role in ("server", "client") if peer.name not in case.leaves_out}
CASES |= {f"{name}_{peer.name}_{role}": (case, peer, role) for name, case in reality.CASES.items()
          for peer in (*PEERS, SING_BOX) for role in ("server", "client")
          if peer.name != "v2ray" and not (peer is SING_BOX and "grpc" in name)}
CASES["reality_nginx"] = (reality.in_front_of_nginx, Peer("nginx", []), None)
CASES |= {name: (case, case.peer, None) for name, case in carriers.CASES.items()}
CASES |= {f"{name}_{peer.name}_{role}": (case, peer, role) for name, case in shadowsocks.CASES.items()
          for peer in (*PEERS, SING_BOX, shadowsocks.LIBEV) if shadowsocks.is_for(name, peer) for role in ("server", "client")}


def run(name, program):
    case, peer, role = CASES[name]
    if not peer.is_there():
        print(f"--  {name:32} {peer.name} is not there", flush=True)
        return None
    begin = time.monotonic()
    try:
        with Scene(program) as scene:
            case(scene, peer, role)
    except Exception as why:  # a case fails by whatever it did not expect
        print(f"FAILED {name}: {why if isinstance(why, Failed) else repr(why)}", flush=True)
        return False
    print(f"ok  {name:32} {time.monotonic() - begin:5.1f} s  {case.__doc__}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(prog="tests/interop", description=__doc__)
    parser.add_argument("--program", default="build/tests/bin/muxpro", help="default: %(default)s")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="parts of the names of cases; default: all")
    options = parser.parse_args()
    chosen = [name for name in CASES if not options.cases or any(part in name for part in options.cases)]
    results = [run(name, options.program) for name in chosen]
    print(f"{results.count(True)} passed, {results.count(False)} failed, {results.count(None)} left out")
    sys.exit(1 if False in results or not any(results) else 0)


main()
