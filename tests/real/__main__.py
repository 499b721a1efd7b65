"""Runs the cases; started by run.sh, which builds first."""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import configured
import datagrams
import failures
import gnutls
import logs
import pages
import transfers
import udp_paths
from parts import Failed, Scene

CASES = {case.__name__: case for case in (
    transfers.each_way_in, transfers.large_download, transfers.hundred_at_once, transfers.users,
    transfers.certificates, transfers.many_small, transfers.browser, failures.server_killed, failures.server_away,
    failures.target_killed, failures.client_killed, failures.drained, failures.target_refuses,
    failures.nobody_there, failures.little_memory, datagrams.names, datagrams.full_cone,
    datagrams.ends_with_its_connection, udp_paths.udp_by_socks,
    udp_paths.udp_from_the_asked, udp_paths.udp_port_changes, udp_paths.udp_refused, udp_paths.udp_rate, pages.status_page, logs.lines, logs.secrets, configured.rotated,
    configured.reloaded, configured.checked, configured.sniffed, configured.sniffed_in_browser,
    configured.open_to_nobody, gnutls.gnutls_cli, gnutls.gnutls_cli_is_left, gnutls.gnutls_cli_new_keys,
    gnutls.gnutls_cli_resumes, gnutls.gnutls_serv, gnutls.gnutls_serv_renegotiates, gnutls.gnutls_serv_resumes)}


def parse():
    parser = argparse.ArgumentParser(prog="tests/real/run.sh", description="muxpro between real clients and servers.")
    parser.add_argument("--program", metavar="PATH", help=argparse.SUPPRESS)
    parser.add_argument("--long", action="store_true", help="more bytes")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # of the arguments, before the build
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        sys.exit(f"'{unknown[0]}' is no case; there are {', '.join(CASES)}")
    return options


def run(name, options):
    begin = time.monotonic()
    try:
        with Scene(options.program) as scene:
            try:
                CASES[name](scene, options)
                scene.tells_no_secrets()
            except Exception:
                for part in ("client", "server", "run", "nginx", "gnutls-cli", "gnutls-serv"):
                    if os.path.exists(scene.path(f"{part}.log")):
                        print(f"--- {part}\n" + "\n".join(scene.log(part).splitlines()[-15:]))
                raise
    except Exception as why:  # a case fails by whatever it did not expect
        print(f"FAILED {name}: {why if isinstance(why, Failed) else repr(why)}", flush=True)
        return False
    about = " ".join(CASES[name].__doc__.split())
    print(f"ok  {name:24} {time.monotonic() - begin:5.1f} s  {about}", flush=True)
    return True


def main():
    options = parse()
    if options.check:
        return
    results = [run(name, options) for name in options.cases or CASES]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(1 if False in results else 0)


main()
