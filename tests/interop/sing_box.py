"""Configurations of Xray's form, as sing-box has them: VLESS, Shadowsocks, TLS and REALITY."""


def tls_of_server(stream):
    if stream.get("security") == "tls":
        certificate = stream["tlsSettings"]["certificates"][0]
        return {"enabled": True, "certificate_path": certificate["certificateFile"], "key_path": certificate["keyFile"]}
    reality = stream["realitySettings"]
    host, port = reality["target"].rsplit(":", 1)
    return {"enabled": True, "server_name": reality["serverNames"][0], "reality": {
        "enabled": True, "handshake": {"server": host, "server_port": int(port)}, "private_key": reality["privateKey"],
        "short_id": reality["shortIds"]}}


def tls_of_client(stream):
    if stream.get("security") == "tls":
        tls = stream["tlsSettings"]
        return {"enabled": True, "server_name": tls["serverName"],
                "certificate_path": tls["certificates"][0]["certificateFile"]}
    reality = stream["realitySettings"]
    return {"enabled": True, "server_name": reality["serverName"], "utls": {"enabled": True, "fingerprint": "chrome"},
            "reality": {"enabled": True, "public_key": reality["publicKey"], "short_id": reality["shortId"]}}


def inbound(of_xray):
    out = {"type": of_xray["protocol"], "tag": "in", "listen": "127.0.0.1", "listen_port": of_xray["port"]}
    if out["type"] == "vless":
        out["users"] = [{"name": c["email"], "uuid": c["id"], "flow": c.get("flow", "")} for c in of_xray["settings"]["clients"]]
        out["tls"] = tls_of_server(of_xray["streamSettings"])
    if out["type"] == "shadowsocks":
        own = of_xray["settings"]
        out |= {"method": own["method"], "password": own["password"]}
        if "clients" in own:
            out["users"] = [{"name": c["email"], "password": c["password"]} for c in own["clients"]]
    return out


def outbound(of_xray):
    if of_xray["protocol"] == "freedom":
        return {"type": "direct", "tag": "out"}
    if of_xray["protocol"] == "shadowsocks":
        server = of_xray["settings"]["servers"][0]
        return {"type": "shadowsocks", "tag": "out", "server": server["address"], "server_port": server["port"],
                "method": server["method"], "password": server["password"]}
    server = of_xray["settings"]["vnext"][0]
    user = server["users"][0]
    return {"type": "vless", "tag": "out", "server": server["address"], "server_port": server["port"], "uuid": user["id"],
            "flow": user.get("flow", ""), "tls": tls_of_client(of_xray["streamSettings"])}


def configuration(of_inbound, of_outbound):
    return {"log": {"level": "warn"}, "inbounds": [inbound(of_inbound)], "outbounds": [outbound(of_outbound)]}
