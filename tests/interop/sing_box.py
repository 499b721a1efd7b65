"""Configurations of Xray's form, as sing-box has them."""


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


def carrier(stream):
    network = stream.get("network", "raw")
    if network == "ws":
        path, _, early = stream["wsSettings"]["path"].partition("?ed=")
        size = {"max_early_data": int(early), "early_data_header_name": "Sec-WebSocket-Protocol"} if early else {}
        return {"transport": {"type": "ws", "path": path, **size}}
    if network == "httpupgrade":
        return {"transport": {"type": "httpupgrade", "path": stream["httpupgradeSettings"]["path"]}}
    if network == "grpc":
        return {"transport": {"type": "grpc", "service_name": stream["grpcSettings"]["serviceName"]}}
    return {}


def users(protocol, clients):
    key = "uuid" if protocol in ("vless", "vmess") else "password"
    out = [{"name": c.get("email", "user"), key: c["id" if key == "uuid" else "password"]} for c in clients]
    if protocol == "vless":
        return [{**user, "flow": c.get("flow", "")} for user, c in zip(out, clients)]
    return [{**user, "alterId": 0} for user in out] if protocol == "vmess" else out


def inbound(of_xray):
    protocol, stream = of_xray["protocol"], of_xray.get("streamSettings", {})
    out = {"type": protocol, "tag": "in", "listen": "127.0.0.1", "listen_port": of_xray["port"], **carrier(stream)}
    if protocol == "socks":
        return out
    own = of_xray["settings"]
    if protocol == "shadowsocks":
        out |= {"method": own["method"], "password": own["password"]}
    if "clients" in own:
        out["users"] = users(protocol, own["clients"])
    if "security" in stream:
        out["tls"] = tls_of_server(stream)
    return out


def outbound(of_xray):
    protocol, own, stream = of_xray["protocol"], of_xray.get("settings", {}), of_xray.get("streamSettings", {})
    if protocol == "freedom":
        return {"type": "direct", "tag": "out"}
    server = (own["vnext"] if "vnext" in own else own["servers"])[0]
    out = {"type": protocol, "tag": "out", "server": server["address"], "server_port": server["port"], **carrier(stream)}
    if protocol in ("vless", "vmess"):
        user = server["users"][0]
        more = {"flow": user.get("flow", "")} if protocol == "vless" else {"security": user["security"], "alter_id": 0}
        # Without a flow datagrams go as the protocol has them, unless the cell is about XUDP.
        wraps = of_xray.get("mux", {}).get("enabled") or user.get("flow")
        out |= {"uuid": user["id"], "packet_encoding": "xudp" if wraps else "", **more}
    else:
        out |= {key: server[key] for key in ("method", "password") if key in server}
    if "security" in stream:
        out["tls"] = tls_of_client(stream)
    return out


def configuration(of_inbound, of_outbound):
    return {"log": {"level": "warn"}, "inbounds": [inbound(of_inbound)], "outbounds": [outbound(of_outbound)]}
