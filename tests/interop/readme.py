"""The server and the client of README.md's part about Xray, on this machine."""
import json
import os
import re
from types import SimpleNamespace

import trials
from parts import expect, free_port
from peers import ROOT
from reality import start_nginx
from traffic import files

TITLE = "## Beside Xray"


def configurations():
    """The server's and the client's."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        section = re.search(rf"^{TITLE}.*?(?=^## )", file.read(), re.M | re.S)
    expect(section, f"README.md has no part '{TITLE}'")
    blocks = re.findall(r"^```json\n(.*?)^```$", section[0], re.M | re.S)
    expect(len(blocks) == 2, f"'{TITLE}' has {len(blocks)} configurations, and not a server's and a client's")
    return map(json.loads, blocks)


def on_this_machine(site):
    """Both with addresses, ports and a target of this machine, and nothing else changed."""
    server, client = configurations()
    port, proxy = free_port(), free_port()
    inbound, outbound = server["inbounds"][0], client["outbounds"][0]
    expect(inbound["port"] == outbound["settings"]["port"], "the client's port is not the server's")
    inbound.update(listen="127.0.0.1", port=port)
    inbound["streamSettings"]["realitySettings"]["target"] = f"127.0.0.1:{site}"
    outbound["settings"].update(address="127.0.0.1", port=port)
    client["inbounds"][0].update(listen="127.0.0.1", port=proxy)
    return (server, port), (client, proxy)


def between(client, server):
    def run(scene, programs):
        ends = on_this_machine(start_nginx(scene))
        for side, name, (configuration, port) in zip(("server", "client"), (server, client), ends):
            with open(scene.path(f"{side}.json"), "w", encoding="utf-8") as file:
                json.dump(configuration, file)
            program = programs[name]
            program.run(scene, side, [program.path(), *program.words, scene.path(f"{side}.json")], port)
        chain = SimpleNamespace(proxy=ends[1][1])
        files(chain.proxy)
        for kind in (trials.datagrams, trials.full_cone):
            kind(chain)

    run.__doc__ = f"the two configurations of README.md, {client} to {server}: files, datagrams"
    run.needs = ("nginx", *{client, server} - {"muxpro"})
    return run


CASES = {f"readme_{client}_{server}": between(client, server)
         for client, server in (("muxpro", "xray"), ("xray", "muxpro"), ("muxpro", "muxpro"))}
