"""The other proxies: where they are, and how they are started with a configuration in the form of Xray."""
import json
import os
import shutil
import subprocess

import sing_box
from parts import connect, eventually

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


class Peer:
    """A program that reads configurations in the form of Xray."""

    def __init__(self, name, words, env=None):
        self.name = name
        self.words = words
        self.env = env or {}

    def path(self):
        fetched = os.path.join(ROOT, "build", "peers", self.name)
        return fetched if os.path.exists(fetched) else shutil.which(self.name)

    @staticmethod
    def configuration(inbound, outbound):
        # By default they give up what is half-closed after a second, which is short on a busy machine.
        patient = {"levels": {"0": {"uplinkOnly": 10, "downlinkOnly": 10}}}
        return {"log": {"loglevel": "warning"}, "inbounds": [inbound], "outbounds": [outbound], "policy": patient}

    def is_there(self):
        return self.path() is not None

    def start(self, scene, inbound, outbound):
        """Until it listens."""
        file = scene.path(f"{self.name}.json")
        with open(file, "w", encoding="utf-8") as out:
            json.dump(self.configuration(inbound, outbound), out)
        self.run(scene, [self.path(), *self.words, file], inbound["port"])

    def run(self, scene, words, port):
        with open(scene.path(f"{self.name}.log"), "w", encoding="utf-8") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **self.env})
        scene.processes.append(process)

        def listens():
            try:
                connect(port).close()
                return True
            except OSError:
                return False

        eventually(listens, f"{self.name} does not listen: {scene.text(f'{self.name}.log')[-500:]}")


class SingBox(Peer):
    """A program whose configurations have another form."""

    configuration = staticmethod(sing_box.configuration)


SING_BOX = SingBox("sing-box", ["run", "-c"])

# Datagrams go by the protocol's own command: with full cone Xray wraps them for a multiplexer.
PEERS = (Peer("v2ray", ["-config"]), Peer("xray", ["run", "-c"], {"XRAY_CONE_DISABLED": "true"}))
