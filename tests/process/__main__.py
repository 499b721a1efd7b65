"""The program, and the examples beside it, as processes, on loopback alone: python3 tests/process [--program PATH] [CASE...]."""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import balancing
import certificates
import crowds
import documents
import examples
import kinds
import logs
import names
import neighbours
import panels
import places
import several
import signals
import targets
import ways
from parts import Failed, Scene

CASES = {case.__name__: case for case in (
    signals.log_without_reader, signals.access_log_without_reader, signals.output_without_reader, signals.hangup,
    signals.closed_streams, logs.log_reader_stops, logs.lines_lost, logs.descriptor_limit, logs.no_thread,
    certificates.unusable_files, certificates.unusable_authority, certificates.replaced,
    certificates.trusted_anew, places.several_ports, places.unset_variable, places.modes, places.abstract_names,
    places.address_for_datagrams, places.shared_places, crowds.silent_crowd, crowds.first_byte, names.dead_names,
    names.addresses_of_a_name, names.addresses_beside_a_user, names.half_of_an_answer, several.several_servers,
    neighbours.hoarders, neighbours.zombies, neighbours.log_reader, neighbours.guesses,
    balancing.hung_server_of_mux_pro, balancing.hung_socks_server,
    examples.echo_client_signals, examples.own_stages, targets.scanned_sites, targets.silent_sites,
    kinds.accepted_kinds, kinds.refused_kinds, kinds.unusable_files, kinds.several_files, kinds.commands,
    kinds.lines_as_xray, kinds.page_behind_a_rule, kinds.answers_of_a_blackhole, panels.marzban, panels.three_x_ui,
    panels.v2rayn, ways.redirected, ways.fragmented, ways.http_outbound, ways.dns_outbound, ways.rule_by_program,
    ways.door_to_its_own_port, ways.fastest, documents.example_configurations, documents.readme_configuration,
    documents.configuration_reference, documents.other_formats, documents.conversion, documents.codes)}


def run(name, program):
    begin = time.monotonic()
    try:
        with Scene(program) as scene:
            try:
                CASES[name](scene)
            except Exception:
                print(f"--- standard error\n{scene.text('err')[-2000:]}")
                raise
    except Exception as why:  # a case fails by whatever it did not expect
        print(f"FAILED {name}: {why if isinstance(why, Failed) else repr(why)}", flush=True)
        return False
    print(f"ok  {name:26} {time.monotonic() - begin:5.1f} s  {CASES[name].__doc__}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(prog="tests/process", description=__doc__)
    parser.add_argument("--program", default="build/release/bin/muxpro", help="default: %(default)s")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        sys.exit(f"'{unknown[0]}' is no case; there are {', '.join(CASES)}")
    results = [run(name, options.program) for name in options.cases or CASES]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(1 if False in results else 0)


main()
