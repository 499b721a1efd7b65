// REALITY and the flow xtls-rprx-vision in configurations.
#include "catch.hpp"
#include "config_text.hpp"

namespace {

using test::read_text;

std::string vless_server(const std::string& reality) {
  return R"({"inbounds": [{"protocol": "vless", "port": 1, "settings": {"decryption": "none", "clients":
      [{"id": "a", "flow": "xtls-rprx-vision"}]}, "streamSettings": {"security": "reality", "realitySettings": {)" +
         reality + R"(}}}], "outbounds": [{"protocol": "freedom"}]})";
}
std::string vless_client(const std::string& stream, const std::string& flow = "xtls-rprx-vision") {
  return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1}], "outbounds":
      [{"protocol": "vless", "settings": {"address": "192.0.2.1", "port": 443, "id": "a", "encryption": "none",
      "flow": ")" +
         flow + "\"}, \"streamSettings\": {" + stream + "}}]}";
}
const std::string key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const std::string good =
    R"("target": "front.example:443", "serverNames": ["front.example"], "shortIds": ["0a1b"],
    "privateKey": ")" +
    key + "\"";

}  // namespace

TEST_CASE("config: servers of REALITY", "[proxy][config][reality]") {
  CHECK(read_text(vless_server(good)).all().empty());
  CHECK(read_text(
            vless_server(good + R"(, "xver": 1, "show": true, "maxTimeDiff": 60000, "minClientVer": "26.3.27",
      "maxClientVer": "", "mldsa65Seed": "", "limitFallbackUpload": {"bytesPerSec": 0}, "type": "tcp")"))
            .all()
            .empty());
  const std::string at = "inbounds[0].streamSettings.realitySettings.";
  CHECK(read_text(vless_server("")).all() ==
        at + "target: is missing; it must be HOST:PORT of a site with TLS 1.3 and X25519\n" + at +
            "serverNames: is missing; it must be a list of names that clients may ask for\n" + at +
            "privateKey: is missing; it must be the private key that muxpro x25519 prints\n" + at +
            "shortIds: is missing; it must be a list of up to 16 hexadecimal digits each\n");
  CHECK(read_text(vless_server(good + R"(, "mldsa65Seed": "x")")).all() ==
        at + "mldsa65Seed: has a value; muxpro has no ML-DSA-65\n");
  CHECK(read_text(vless_server(good + R"(, "minClientVer": "new")")).all() ==
        at + "minClientVer: is 'new'; it must be as 26.3.27\n");
  const std::string of_all = "has no entry, so that every client would see the target\n";
  CHECK(read_text(vless_server(R"("target": "front.example:443", "serverNames": [], "shortIds": [],
      "privateKey": ")" + key + "\""))
            .all() == at + "serverNames: " + of_all + at + "shortIds: " + of_all);
  CHECK(read_text(vless_server(good + R"(, "minClientVer": "27.0.0", "maxClientVer": "26.4.0")")).all() ==
        at + "minClientVer: is 27.0.0, which is later than maxClientVer, 26.4.0\n");
  CHECK(
      read_text(vless_server(
                    R"("dest": "front", "serverNames": ["*.example"], "shortIds": ["0"], "privateKey": "x")"))
          .all() == at + "dest: is 'front'; it must be HOST:PORT, a port, or the path of a unix socket\n" +
                        at + "serverNames: has '*.example'; it must have whole names\n" + at +
                        "privateKey: must be 43 characters of base64, as muxpro x25519 prints it\n" + at +
                        "shortIds: has '0'; it must be up to 16 hexadecimal digits, in pairs\n");
}

TEST_CASE("config: clients of REALITY", "[proxy][config][reality]") {
  const auto reality = [](const std::string& more) {
    return vless_client(R"("security": "reality", "realitySettings": {"serverName": "front.example", )" +
                        more + "}");
  };
  const std::string at = "outbounds[0].streamSettings.realitySettings.";
  CHECK(read_text(
            reality(R"("fingerprint": "chrome", "shortId": "", "spiderX": "/", "publicKey": ")" + key + "\""))
            .all()
            .empty());
  CHECK(read_text(reality(R"("password": ")" + key + "\"")).all().empty());
  CHECK(read_text(reality(R"("shortId": "0a")")).all() ==
        at + "publicKey: is missing; it must be the server's public key\n");
  CHECK(read_text(reality(R"("mldsa65Verify": "x", "password": ")" + key + "\"")).all() ==
        at + "mldsa65Verify: has a value; muxpro has no ML-DSA-65\n");
}

TEST_CASE("config: carriers over REALITY", "[proxy][config][reality]") {
  const std::string reality = R"(, "security": "reality", "realitySettings": {"password": ")" + key + "\"}";
  CHECK(
      read_text(vless_client(R"("network": "ws")" + reality, "")).all() ==
      "outbounds[0].streamSettings.network: is 'ws'; with security reality it must be raw, grpc or xhttp\n");
  CHECK(read_text(vless_client(R"("network": "raw")" + reality, "")).all().empty());
}

TEST_CASE("config: the flow xtls-rprx-vision needs TLS or REALITY", "[proxy][config][reality]") {
  CHECK(read_text(vless_client(R"("security": "tls")")).all().empty());
  CHECK(read_text(vless_client(R"("security": "tls")", "xtls-rprx-vision-udp443")).all().empty());
  CHECK(read_text(vless_client(R"("network": "tcp")")).all() ==
        "outbounds[0].streamSettings: must have security tls or reality, and network raw, for flow "
        "xtls-rprx-vision\n");
}
