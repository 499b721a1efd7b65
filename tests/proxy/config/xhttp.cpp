// "xhttpSettings": what they may have, and what they stand on.
#include "catch.hpp"
#include "config_text.hpp"

#include <string>

namespace config_xhttp {

using test::read_text;

namespace {

const std::string of_client = "outbounds[0].streamSettings.", of_server = "inbounds[0].streamSettings.";

std::string client(const std::string& stream, const std::string& rest = "") {
  return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1}],
             "outbounds": [{"protocol": "vless", "settings": {"address": "192.168.0.1", "port": 1, "id": "a", "encryption": "none"},
                            "streamSettings": {)" +
         stream + "}" + rest + "}]}";
}
std::string xhttp(const std::string& settings, const std::string& security = "") {
  return R"("network": "xhttp", "xhttpSettings": {)" + settings + "}" + security;
}
std::string server(const std::string& settings) {
  return R"({"inbounds": [{"protocol": "vless", "listen": "127.0.0.1", "port": 1,
                           "settings": {"clients": [{"id": "a"}], "decryption": "none"},
                           "streamSettings": {)" +
         xhttp(settings) + R"(}}], "outbounds": [{"protocol": "freedom"}]})";
}

}  // namespace

TEST_CASE("config: what XHTTP may have", "[proxy][config][xhttp]") {
  CHECK(read_text(client(R"("network": "xhttp")")).all() == "");
  CHECK(read_text(client(R"("network": "splithttp", "splithttpSettings": {"path": "/up"})")).all() == "");
  const std::string all =
      R"("path": "/up?a=b", "host": "a.example", "mode": "packet-up", "headers": {"X-A": "b"},
      "xPaddingBytes": "100-1000", "noGRPCHeader": true, "noSSEHeader": true, "scMaxEachPostBytes": 1000000,
      "scMinPostsIntervalMs": "10-50", "scMaxBufferedPosts": 30, "scStreamUpServerSecs": "20-80",
      "serverMaxHeaderBytes": 8192, "xPaddingObfsMode": false, "uplinkDataPlacement": "auto",
      "xmux": {"maxConcurrency": "16-32", "cMaxReuseTimes": 0, "hMaxRequestTimes": "600-900",
               "hMaxReusableSecs": "1800-3000", "hKeepAlivePeriod": 0})";
  CHECK(read_text(client(xhttp(all))).all() == "");
  CHECK(read_text(client(xhttp(all))).notes() == "");
  CHECK(read_text(server(all)).all() == "");
  const std::string forms =
      R"("sessionPlacement": "cookie", "sessionKey": "id", "seqPlacement": "query", "seqKey": "n",
      "xPaddingObfsMode": true, "xPaddingPlacement": "header", "xPaddingHeader": "X-Data", "xPaddingKey": "p",
      "xPaddingMethod": "tokenish")";
  CHECK(read_text(client(xhttp(forms))).all() == "");
  CHECK(read_text(client(xhttp(forms))).notes() == "");
  CHECK(read_text(server(R"("extra": {)" + forms + "}")).all() == "");
  for (const std::string where : {"header", "cookie"}) {
    const std::string data =
        R"("mode": "packet-up", "extra": {"uplinkDataPlacement": ")" + where +
        R"(", "uplinkDataKey": "d", "uplinkChunkSize": "100-200", "uplinkHTTPMethod": "get",
                             "sessionIDTable": "Base62", "sessionIDLength": "8-12"})";
    CHECK(read_text(client(xhttp(data))).all() == "");
    CHECK(read_text(client(xhttp(data))).notes() == "");
    CHECK(read_text(server(data)).all() == "");
  }
  CHECK(read_text(client(xhttp(
                      R"("mode": "auto", "extra": {"xmux": {"maxConnections": 2}, "noGRPCHeader": true})")))
            .all() == "");
}

TEST_CASE("config: what XHTTP may not have", "[proxy][config][xhttp]") {
  const auto mistake = [](const std::string& settings) { return read_text(client(xhttp(settings))).all(); };
  const std::string at = of_client + "xhttpSettings.";
  CHECK(mistake(R"("mode": "stream-two")") ==
        at + "mode: is 'stream-two'; it must be one of auto, packet-up, stream-up, stream-one; did you mean "
             "'stream-up'?\n");
  CHECK(mistake(R"("xPaddingBytes": 0)") ==
        at + "xPaddingBytes: is '0'; it must be a number from 1 to 4096, or two with '-' between them\n");
  CHECK(mistake(R"("headers": {"Host": "a"})") ==
        at + "headers: has 'Host'; it must be a field that requests do not have\n");
  CHECK(mistake(R"("xmux": {"maxConnections": 1, "maxConcurrency": 1})") ==
        at + "xmux.maxConnections: is used together with maxConcurrency; only one of them is allowed\n");
  CHECK(mistake(R"("extra": {"seqPlacement": "body"})") ==
        at + "extra.seqPlacement: is 'body'; it must be one of path, query, header, cookie\n");
  CHECK(mistake(R"("seqPlacement": "cookie", "seqKey": "a=b")") ==
        at + "seqKey: must be a word of letters, digits and '-', '_', '.' or '~'\n");
  CHECK(mistake(R"("uplinkDataPlacement": "header")") == at + "uplinkDataPlacement: needs mode packet-up\n");
  CHECK(mistake(R"("uplinkDataPlacement": "query")") ==
        at + "uplinkDataPlacement: is 'query'; it must be one of auto, body, header, cookie\n");
  CHECK(mistake(R"("uplinkHTTPMethod": "GET")") ==
        at + "uplinkHTTPMethod: is GET, which needs mode packet-up\n");
  CHECK(mistake(R"("uplinkHTTPMethod": "HEAD")") ==
        at + "uplinkHTTPMethod: is 'HEAD', which is not an upload method\n");
  CHECK(mistake(R"("sessionIDTable": "hex", "sessionIDLength": 7)") ==
        at + "sessionIDLength: makes fewer than 2^31 names of sessions\n");
  CHECK(mistake(R"("sessionIDTable": "hex", "sessionIDLength": 8)") == "");
  CHECK(mistake(R"("sessionIDTable": "a/b", "sessionIDLength": 100)") ==
        at + "sessionIDTable: must have letters, digits, '-', '_', '.' and '~' alone\n");
}

TEST_CASE("config: XHTTP over TLS, REALITY and HTTP/3", "[proxy][config][xhttp]") {
  const auto with_alpn = [](const std::string& alpn) {
    return read_text(client(xhttp("", R"(, "security": "tls", "tlsSettings": {"alpn": )" + alpn + "}")))
        .all();
  };
  CHECK(with_alpn(R"(["h3"])") == of_client + "network: is xhttp, and alpn is h3: muxpro has no HTTP/3\n");
  CHECK(with_alpn(R"(["h2", "http/1.1"])") == "");
  CHECK(with_alpn(R"(["http/1.1"])") == "");
  CHECK(read_text(client(xhttp("", R"(, "security": "reality", "realitySettings":
      {"password": "cGnBKdjyvke-DWuhcS9YcGPVNuGa28eh5e5RTk3sj2E"})")))
            .all() == "");
}

TEST_CASE("config: downloads of XHTTP from another place", "[proxy][config][xhttp]") {
  const auto mistake = [](const std::string& download, const std::string& rest = "") {
    return read_text(client(xhttp(R"("downloadSettings": {)" + download + "}" + rest))).all();
  };
  const std::string at = of_client + "xhttpSettings.downloadSettings";
  CHECK(mistake(R"("address": "192.168.0.2", "port": 443, "network": "xhttp", "security": "tls",
                   "xhttpSettings": {"path": "/up"})") == "");
  CHECK(mistake(R"("network": "xhttp")") ==
        at + ".address: is missing; it must be the server's name or address, or unix:PATH\n" + at +
            ".port: is missing; it must be a whole number from 1 to 65535\n");
  CHECK(mistake(R"("address": "192.168.0.2", "port": 443)") == at + ".network: is ''; it must be xhttp\n");
  CHECK(
      mistake(R"("address": "192.168.0.2", "port": 443, "network": "xhttp")", R"(, "mode": "stream-one")") ==
      at + ": is not allowed in mode stream-one, which has no separate download\n");
  const std::string place = R"("address": "192.168.0.2", "port": 443, "network": "xhttp", "sockopt": )";
  CHECK(mistake(place + R"({"dialerProxy": "nowhere"})") ==
        at + ".sockopt.dialerProxy: is 'nowhere'; muxpro has no dialerProxy in downloadSettings\n");
  CHECK(mistake(place + R"({"dialerProxy": "", "domainStrategy": "UseIPv4", "happyEyeballs": {}})") == "");
  const auto with_sockopt = [&](const std::string& options) {
    return read_text(client(xhttp(R"("downloadSettings": {)" + place + "{}}", R"(, "sockopt": )" + options)));
  };
  CHECK(with_sockopt(R"({"mark": 7, "penetrate": true})").all() == "");
  CHECK(with_sockopt(R"({"dialerProxy": "other"})").all().find("penetrate") == std::string::npos);
  CHECK(
      with_sockopt(R"({"dialerProxy": "other", "penetrate": true})")
          .all()
          .find("sockopt.penetrate: is true beside dialerProxy; muxpro has no dialerProxy for downloads\n") !=
      std::string::npos);
  CHECK(read_text(server(R"("downloadSettings": {"address": "a"})")).notes() ==
        of_server + "xhttpSettings.downloadSettings: has no effect on a server\n");
}

TEST_CASE("config: Mux.Cool over XHTTP is for datagrams alone", "[proxy][config][xhttp]") {
  const auto mux = [](const std::string& m) {
    return read_text(client(xhttp(""), R"(, "mux": {)" + m + "}")).all();
  };
  CHECK(mux(R"("enabled": true)").find("must be mux.pro") != std::string::npos);
  CHECK(mux(R"("enabled": true, "concurrency": -1)") == "");
  CHECK(mux(R"("enabled": true, "protocol": "mux.pro")") == "");
}

}  // namespace config_xhttp
