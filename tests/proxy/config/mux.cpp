// "mux" of outbounds: which multiplexer, for what, and what is no choice.
#include "catch.hpp"
#include "config_text.hpp"

#include <fmt/format.h>

#include <string>

namespace config_mux {

using namespace muxpro::proxy;
using muxpro::dialect;
using test::read_text;
using quic = mux_options::quic_handling;

struct read_mux {
  explicit read_mux(const std::string& mux, const std::string& protocol = "socks")
      : text(fmt::format(
            R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 1}}],
                "outbounds": [{{"protocol": "{}", "settings": {}, "mux": {{{}}}}}]}})",
            protocol, settings_of(protocol), mux)) {}
  static std::string settings_of(const std::string& protocol) {
    const std::string server = R"({"address": "127.0.0.1", "port": 1})";
    return protocol == "socks" ? R"({"servers": [)" + server + "]}" : server;
  }
  const std::optional<mux_options>& get() const { return text.c.outbounds.at(0).mux; }

  read_text text;
};

TEST_CASE("config: the multiplexer is what the server understands", "[proxy][config][mux_cool]") {
  const read_mux cool(R"("enabled": true)");
  REQUIRE(cool.get());
  CHECK(cool.text.all() == "");
  CHECK(cool.get()->pool.session.speaks == dialect::mux_cool);
  CHECK(cool.get()->quic == quic::refused);
  CHECK(cool.get()->pool.max_concurrency == 8);
  CHECK(cool.get()->streams);
  CHECK(cool.get()->datagrams == 0U);
  const read_mux pro(R"("enabled": true, "protocol": "mux.pro")");
  CHECK(pro.get()->pool.session.speaks == dialect::spec);
  CHECK(pro.get()->quic == quic::as_others);
  CHECK(read_mux("", "mux.pro").get()->pool.session.speaks == dialect::spec);
  CHECK_FALSE(read_mux(R"("protocol": "mux.cool")").get());
}

TEST_CASE("config: concurrency as Xray has it", "[proxy][config][mux_cool]") {
  const read_mux none(
      R"("enabled": true, "concurrency": -1, "xudpConcurrency": 16, "xudpProxyUDP443": "allow")");
  REQUIRE(none.get());
  CHECK_FALSE(none.get()->streams);
  CHECK(none.get()->datagrams == 16U);
  CHECK(none.get()->quic == quic::as_others);
  const read_mux native(
      R"("enabled": true, "concurrency": 0, "xudpConcurrency": -1, "xudpProxyUDP443": "skip")");
  CHECK(native.get()->pool.max_concurrency == 8);
  CHECK_FALSE(native.get()->datagrams);
  CHECK(native.get()->quic == quic::without_mux);
}

TEST_CASE("config: Mux.Cool over gRPC is worth a note", "[proxy][config][mux_cool]") {
  const auto notes = [](const std::string& mux) {
    return read_text(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1}],
        "outbounds": [{"protocol": "trojan", "settings": {"address": "192.0.2.1", "port": 443, "password": "a"},
        "streamSettings": {"network": "grpc", "security": "tls"}, "mux": {)" +
                     mux + "}}]}")
        .notes();
  };
  CHECK(notes(R"("enabled": true)").find("outbounds[0].mux.enabled: is true over network grpc") == 0);
  CHECK(notes(R"("enabled": true, "protocol": "mux.pro")") == "");
  CHECK(notes(R"("enabled": true, "concurrency": -1, "xudpConcurrency": 16)") == "");
  CHECK(notes(R"("enabled": false)") == "");
}

TEST_CASE("config: multiplexers that cannot be", "[proxy][config][mux_cool]") {
  CHECK(read_mux(R"("protocol": "smux")")
            .text.all()
            .find("outbounds[0].mux.protocol: is 'smux'; it must be one of "
                  "mux.cool, mux.pro") == 0);
  CHECK(read_mux(R"("protocol": "mux.cool")", "mux.pro").text.all() ==
        "outbounds[0].mux.protocol: is mux.cool; it must be mux.pro, which a mux.pro server speaks\n");
  CHECK(read_mux(R"("concurrency": -2)").text.all() ==
        "outbounds[0].mux.concurrency: is -2; it must be a whole number from -1 to 65535\n");
  CHECK(read_mux(R"("xudpProxyUDP443": "maybe")").text.all().find("outbounds[0].mux.xudpProxyUDP443") == 0);
}

}  // namespace config_mux
