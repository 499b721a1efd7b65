"""What the documents promise: examples of configurations are good, and muxpro help prints the reference."""
import glob
import json
import os
import re
import shutil
import subprocess

from parts import PATIENCE, expect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What a key of the whole configuration leads to, so that the reference has all of them.
SECTIONS = ("log", "policy", "inbounds", "outbounds", "routing", "metrics", "fakedns", "dns", "stats")


def field(number, content):
    """A field of protobuf with a length."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def geosite(names):
    """The file geosite.dat with these lists, each of one domain."""
    domain = field(2, b"\x08\x02" + field(2, b"listed.example"))
    return b"".join(field(1, field(1, name.upper().encode()) + domain) for name in names)


def geoip(names):
    """The file geoip.dat with these lists, each of one block."""
    block = field(2, field(1, bytes([192, 0, 2, 0])) + b"\x10\x18")
    return b"".join(field(1, field(1, name.upper().encode()) + block) for name in names)


def write_files(scene, text):
    """The certificates and lists that a configuration names."""
    names = set(re.findall(r'"(\w+)\.pem"', text))
    for name in names:
        scene.certificate(name)
    for kind, content in (("geosite", geosite), ("geoip", geoip)):
        lists = set(re.findall(rf'"{kind}:([\w-]+)"', text))
        if lists:
            with open(scene.path(f"{kind}.dat"), "wb") as file:
                file.write(content(sorted(lists)))


def check(scene, path):
    """muxpro check in the directory of the scene."""
    done = subprocess.run([scene.program, "check", "-c", path], cwd=scene.directory, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def example_configurations(scene):
    """Each of examples/config passes muxpro check, with the files that it names, and examples/README.md lists it"""
    with open(f"{ROOT}/examples/README.md", encoding="utf-8") as file:
        index = file.read()
    paths = sorted(glob.glob(f"{ROOT}/examples/config/*.json"))
    expect(len(paths) >= 6, f"there are {len(paths)} examples")
    for path in paths:
        name = os.path.basename(path)
        expect(f"config/{name}" in index, f"examples/README.md does not list {name}")
        shutil.copy(path, scene.path(name))
        with open(path, encoding="utf-8") as file:
            text = file.read()
        status, said = check(scene, name)
        named = ".pem" in text or "geosite:" in text
        expect((status == 1) == named, f"{name} without its files: {said}")
        write_files(scene, text)
        status, said = check(scene, name)
        expect(status == 0 and "warning" not in said, f"{name}: {said}")
        for other in glob.glob(scene.path("*.pem")) + glob.glob(scene.path("*.dat")):
            os.remove(other)


def readme_configuration(scene):
    """The configurations in README.md pass muxpro check; tests/interop runs those that are for Xray, too"""
    with open(f"{ROOT}/README.md", encoding="utf-8") as file:
        blocks = re.findall(r"^```json\n(.*?)^```$", file.read(), re.M | re.S)
    expect(blocks, "there is none")
    for block in blocks:
        with open(scene.path("config.json"), "w", encoding="utf-8") as file:
            file.write(block)
        write_files(scene, block)
        status, said = check(scene, "config.json")
        expect(status == 0, said)


def help_about(scene, *topic):
    done = subprocess.run([scene.program, "help", *topic], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


def configuration_reference(scene):
    """muxpro help config: all keys that muxpro check accepts at the top, any part by its path, suggestions for others"""
    status, whole, said = help_about(scene, "config")
    expect(status == 0 and not said, f"it ends with {status}: {said}")
    expect(all(re.search(rf"^  {key}: ", whole, re.M) for key in SECTIONS), "a section is missing")
    expect(max(len(line) for line in whole.splitlines()) <= 110, "a line is too long")
    with open(scene.path("config.json"), "w", encoding="utf-8") as file:
        json.dump({"q" * 30: 1}, file)
    status, said = check(scene, "config.json")
    for key in re.search(r"there may be (.*)", said).group(1).split(", "):
        expect(re.search(rf"^  {key}: ", whole, re.M), f"{key} is missing")
    for path, line in (("inbounds.socks", "  udp: true or false; default: false"),
                       ("inbounds[0].settings.udp", "  udp: true or false; default: false"),
                       ("routing.rules.port", "  port: a number or a text"),
                       ("outbounds.mux", "  concurrency: a whole number from -1 to 65535; default: 8")):
        status, part, said = help_about(scene, "config", path)
        expect(status == 0 and line in part.splitlines(), f"{path}: {part}{said}")
        expect(len(part) < len(whole) / 2, f"{path} is most of it")
    status, part, said = help_about(scene, "config", "routing.rule")
    expect(status == 2 and not part and said.count("\n") == 1, f"it ends with {status}: {said}")
    expect("did you mean 'routing.rules'?" in said, said)
    status, part, said = help_about(scene, "config", "xxxxxxxxxxxxxxxxxx")
    expect(status == 2 and "muxpro help config" in said, f"it ends with {status}: {said}")
    status, part, said = help_about(scene)
    expect(status == 0 and all(f"\n  {name} " in part for name in ("server", "client", "run", "help")), part + said)
    status, part, said = help_about(scene, "check")
    expect(status == 0 and "--config" in part, f"help check ends with {status}: {part}{said}")
    status, part, said = help_about(scene, "chek")
    expect(status == 2 and "check" in said, f"help chek ends with {status}: {said}")


YAML = """\
# comments are allowed
inbounds:
  - {tag: in, protocol: socks, listen: 127.0.0.1, port: 1080}
outbounds:
  - protocol: freedom
    tag: "1"
"""
TOML = """\
[[inbounds]]
tag = "in"
protocol = "socks"
listen = "127.0.0.1"
port = 1080
[[outbounds]]
protocol = "freedom"
tag = "1"
"""


def put(scene, name, text):
    with open(scene.path(name), "w", encoding="utf-8") as file:
        file.write(text)


def prints(scene, *words):
    done = subprocess.run([scene.program, *words], cwd=scene.directory, capture_output=True, text=True, timeout=PATIENCE,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def other_formats(scene):
    """YAML and TOML are read as JSON is, by the file's name, and a mistake has its line"""
    plain = {"inbounds": [{"tag": "in", "protocol": "socks", "listen": "127.0.0.1", "port": 1080}],
             "outbounds": [{"protocol": "freedom", "tag": "1"}]}
    for name, text in (("a.yaml", YAML), ("b.yml", YAML), ("c.toml", TOML)):
        put(scene, name, text)
        status, told, said = prints(scene, "run", "-c", name, "-dump")
        expect(status == 0 and json.loads(told) == plain, f"{name}: {told}{said}")
        status, told = check(scene, name)
        expect(status == 0 and "1 inbounds, 1 outbounds" in told, f"{name}: {told}")
    put(scene, "bad.yaml", "a: [1\nb: 2\n")
    status, told = check(scene, "bad.yaml")
    expect(status == 1 and told.startswith("bad.yaml: is not YAML in line 2"), told)
    put(scene, "twice.yaml", "log: {}\nlog: {}\n")
    status, told = check(scene, "twice.yaml")
    expect(status == 1 and told == "twice.yaml: has the key 'log' twice in line 2", told)
    put(scene, "bad.toml", "a = \n")
    status, told = check(scene, "bad.toml")
    expect(status == 1 and told.startswith("bad.toml: is not TOML in line 1"), told)
    put(scene, "wrong.yaml", YAML.replace("1080", "99999"))
    status, told = check(scene, "wrong.yaml")
    expect(status == 1 and told.startswith('inbounds[0].port "in": is '), told)


def conversion(scene):
    """muxpro convert writes the newer names and forms, --to older those before, and both mean the same"""
    put(scene, "old.json", json.dumps({"outbounds": [{"protocol": "vless", "settings": {"vnext": [
        {"address": "a", "port": 1, "users": [{"id": "x", "encryption": "none"}]}]}}]}))
    status, told, said = prints(scene, "convert", "old.json")
    expect(status == 0 and json.loads(told)["outbounds"][0]["settings"] ==
           {"address": "a", "port": 1, "id": "x", "encryption": "none"}, told + said)
    put(scene, "new.json", told)
    status, told, said = prints(scene, "convert", "--to", "older", "new.json")
    with open(scene.path("old.json"), encoding="utf-8") as file:
        expect(status == 0 and json.loads(told) == json.load(file), told + said)


def codes(scene):
    """muxpro export --qr shows the link and its QR code"""
    put(scene, "config.json", json.dumps({"outbounds": [{"protocol": "trojan", "settings": {"servers": [
        {"address": "a.example", "port": 443, "password": "p"}]}, "streamSettings": {"security": "tls"}}]}))
    status, told, said = prints(scene, "export", "--qr", "config.json")
    lines = told.splitlines()
    expect(status == 0 and lines[0].startswith("trojan://p@a.example:443"), told + said)
    code = [line for line in lines[1:] if line]
    expect(len(code) > 10 and len({len(line) for line in code}) == 1 and set("".join(code)) <= set(" ▀▄█"), told)
