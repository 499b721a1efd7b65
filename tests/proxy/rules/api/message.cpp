// Xray's messages as objects of a configuration: golden bytes, bounds, and what muxpro does not support.
#include "catch.hpp"

#include "proxy/api/forms.hpp"
#include "proxy/api/handlers.hpp"
#include "proxy/base/proto_writer.hpp"
#include "proxy/config/merge.hpp"

#include <muxpro/testing/hex.hpp>

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace api_message_test {
namespace {

using namespace muxpro::proxy;
using muxpro::const_bytes;
using muxpro::testing::from_hex;

const_bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string typed(std::string_view type, std::string_view value) {
  proto_writer out;
  return out.text(1, type).text(2, value).take();
}

/// As JSON, or why it is refused.
template <class Read>
std::string shown_as(Read read) {
  try {
    return json_text(read());
  } catch (const api_refusal& r) {
    return fmt::format("{}: {}", static_cast<int>(r.code), r.what());
  }
}

std::string inbound(const std::string& message) {
  return shown_as([&] { return inbound_of(bytes_of(message)); });
}
std::string outbound(const std::string& message) {
  return shown_as([&] { return outbound_of(bytes_of(message)); });
}

/// A handler of a protocol, on 127.0.0.1:80 or to a server.
std::string handler(std::string_view proxy_type, std::string_view proxy, std::string_view way_type = {},
                    std::string_view way = {}) {
  proto_writer out;
  out.text(1, "t");
  if (!way_type.empty()) out.message(2, typed(way_type, way));
  return out.message(3, typed(proxy_type, proxy)).take();
}

std::string without_spaces(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

}  // namespace

TEST_CASE("API: an inbound of trojan, as Xray's client writes it", "[proxy][api]") {
  // protoc's encoding of InboundHandlerConfig{tag: "in", ReceiverConfig{80-81, 127.0.0.1}, ServerConfig{
  // User{level: 1, email: "ann", Account{"secret"}}}}
  const auto wire = from_hex(
      "0a02696e12340a20787261792e6170702e70726f78796d616e2e5265636569766572436f6e66696712100a060a"
      "040850105112060a047f0000011a590a1e787261792e70726f78792e74726f6a616e2e536572766572436f6e66"
      "696712370a3508011203616e6e1a2c0a19787261792e70726f78792e74726f6a616e2e4163636f756e74120f0a"
      "0d73656372657473656372657431");
  const setting out = inbound_of(wire);
  CHECK(text_at(out, "tag") == "in");
  CHECK(text_at(out, "port") == "80-81");
  CHECK(text_at(out, "listen") == "127.0.0.1");
  CHECK(text_at(out, "protocol") == "trojan");
  const setting* own = member_of(out, "settings");
  REQUIRE(own);
  CHECK(without_spaces(json_text(*own)) ==
        R"({"clients":[{"email":"ann","level":1,"password":"secretsecret1"}]})");
}

TEST_CASE("API: each protocol's users and servers", "[proxy][api]") {
  proto_writer account, user, endpoint, server, config;
  account.text(1, "66ad4540-b58c-4ad2-9926-ea63445a9b57").text(2, "xtls-rprx-vision").text(3, "none");
  user.message(3, typed("xray.proxy.vless.Account", account.content()));
  endpoint.message(1, proto_writer().text(2, "a.example").content()).number(2, 443);
  endpoint.message(3, user.content());
  config.message(1, endpoint.content());
  CHECK(without_spaces(outbound(handler("xray.proxy.vless.outbound.Config", config.content()))) ==
        R"({"protocol":"vless","settings":{"address":"a.example","encryption":"none",)"
        R"("flow":"xtls-rprx-vision","id":"66ad4540-b58c-4ad2-9926-ea63445a9b57","port":443},"tag":"t"})");
  proto_writer socks, first, second;
  first.text(1, "ann").text(2, "x");
  second.text(1, "bob").text(2, "y");
  socks.number(1, 1).message(2, first.content()).message(2, second.content()).number(4, 1);
  CHECK(without_spaces(inbound(handler("xray.proxy.socks.ServerConfig", socks.content()))) ==
        R"({"protocol":"socks","settings":{"accounts":[{"pass":"x","user":"ann"},{"pass":"y","user":"bob"}],)"
        R"("auth":"password","udp":true},"tag":"t"})");
  CHECK(without_spaces(outbound(
            handler("xray.proxy.blackhole.Config",
                    proto_writer().message(1, typed("xray.proxy.blackhole.HTTPResponse", "")).content()))) ==
        R"({"protocol":"blackhole","settings":{"response":{"type":"http"}},"tag":"t"})");
}

TEST_CASE("API: layers of a transport", "[proxy][api]") {
  proto_writer websocket, carrier, reality, stream, receiver;
  websocket.text(1, "a.example").text(2, "/chat").number(5, 2048);
  carrier.message(2, typed("xray.transport.internet.websocket.Config", websocket.content()));
  carrier.text(3, "websocket");
  reality.text(2, "b.example:443").text(5, "b.example").text(6, std::string(32, '\1'));
  reality.message(10, std::string("\xab\xcd\0\0\0\0\0\0", 8)).message(12, "");
  stream.text(5, "websocket").message(2, carrier.content());
  stream.text(3, "xray.transport.internet.reality.Config");
  stream.message(4, typed("xray.transport.internet.reality.Config", reality.content()));
  receiver.message(3, stream.content());
  const std::string text = without_spaces(inbound(
      handler("xray.proxy.http.ServerConfig", "", "xray.app.proxyman.ReceiverConfig", receiver.content())));
  CHECK(text.find(R"("network":"websocket")") != std::string::npos);
  CHECK(text.find(R"("wsSettings":{"host":"a.example","path":"/chat?ed=2048"})") != std::string::npos);
  CHECK(text.find(R"("security":"reality")") != std::string::npos);
  CHECK(text.find(R"("privateKey":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")") != std::string::npos);
  CHECK(text.find(R"("shortIds":["abcd000000000000"])") != std::string::npos);
  CHECK(text.find(R"("target":"b.example:443")") != std::string::npos);
}

TEST_CASE("API: what muxpro does not support is named", "[proxy][api]") {
  CHECK(inbound(handler("xray.proxy.wireguard.DeviceConfig", "")) ==
        "12: muxpro does not support xray.proxy.wireguard.DeviceConfig");
  CHECK(inbound(handler("xray.proxy.vless.inbound.Config", proto_writer().number(4, 1).content())) ==
        "12: muxpro does not support field 4 of xray.proxy.vless.inbound.Config");
  // Unknown fields with their default values mean nothing.
  CHECK(inbound(handler("xray.proxy.vless.inbound.Config", std::string("\x20\0", 2))).find("vless") !=
        std::string::npos);
  CHECK(inbound(proto_writer().text(1, "t").content()) ==
        "3: xray.core.InboundHandlerConfig has no proxy_settings");
  CHECK(inbound("\x0a\x05in") == "3: xray.core.InboundHandlerConfig is not a valid protobuf message");
  proto_writer account, user;
  account.text(1, "k").number(2, 3);
  user.message(3, typed("xray.proxy.shadowsocks.Account", account.content()));
  CHECK(shown_as([&] { return setting(object_of(user_form, bytes_of(user.content()))); }) ==
        "3: xray.proxy.shadowsocks.Account has 3 in field 2, which muxpro does not support");
}

TEST_CASE("API: a message has a bounded number of values", "[proxy][api]") {
  proto_writer users;
  for (std::size_t i = 0; i <= most_api_values; ++i) users.message(1, "");
  CHECK(inbound(handler("xray.proxy.trojan.ServerConfig", users.content())) ==
        "8: the message has more than 100000 values");
}

TEST_CASE("API: rules of a router", "[proxy][api]") {
  proto_writer domain, cidr, geoip, port, ports, rule, routing;
  domain.number(1, 2).text(2, "a.example");
  cidr.message(1, std::string("\x0a\0\0\0", 4)).number(2, 8);
  geoip.message(2, cidr.content()).number(3, 1);
  port.number(1, 53).number(2, 53);
  ports.message(1, port.content());
  rule.text(1, "out").text(19, "mine").message(2, domain.content()).message(10, geoip.content());
  rule.message(14, ports.content()).number(13, 2).number(13, 3).text(8, "in");
  routing.number(1, 2).message(2, rule.content());
  const std::string message = typed("xray.app.router.Config", routing.content());
  CHECK(without_spaces(shown_as([&] { return routing_of(bytes_of(message)); })) ==
        R"({"rules":[{"domain":["domain:a.example"],"inboundTag":["in"],"ip":["!10.0.0.0/8"],)"
        R"("network":["tcp","udp"],"outboundTag":"out","port":"53","ruleTag":"mine"}]})");
}

TEST_CASE("API: rules in the form of newer clients, which name lists", "[proxy][api]") {
  proto_writer site, other_site, domain, address, other_address, block, rule, routing;
  site.text(2, "cn").text(3, "ads,x");
  other_site.text(1, "mine.dat").text(2, "ads");
  domain.number(1, 3).text(2, "a.example");
  address.text(1, "geoip.dat").text(2, "cn").number(3, 1);
  other_address.text(1, "mine.dat").text(2, "us");
  block.message(1, std::string("\x0a\0\0\0", 4)).number(2, 8);
  rule.text(1, "out").message(2, proto_writer().message(1, site.content()).content());
  rule.message(2, proto_writer().message(1, other_site.content()).content());
  rule.message(2, proto_writer().message(2, domain.content()).content());
  rule.message(2, proto_writer().message(2, "keyword").content());  // of an older client
  rule.message(10, proto_writer().message(1, address.content()).content());
  rule.message(10, proto_writer().message(1, other_address.content()).content());
  rule.message(10, proto_writer().message(2, block.content()).content());
  rule.message(10, proto_writer().text(1, "CN").message(2, block.content()).content());
  routing.message(2, rule.content());
  const std::string message = typed("xray.app.router.Config", routing.content());
  CHECK(without_spaces(shown_as([&] { return routing_of(bytes_of(message)); })) ==
        R"({"rules":[{"domain":["geosite:cn@ads@x","ext:mine.dat:ads","full:a.example","keyword:keyword"],)"
        R"("ip":["!geoip:cn","ext:mine.dat:us","10.0.0.0/8","10.0.0.0/8"],"outboundTag":"out"}]})");
  // A rule within a rule within a rule: no form has that.
  std::string nested = domain.take();
  for (int i = 0; i < 1000; ++i) nested = proto_writer().message(2, nested).take();
  const std::string deep =
      typed("xray.app.router.Config",
            proto_writer().message(2, proto_writer().message(2, nested).content()).content());
  CHECK(shown_as([&] { return routing_of(bytes_of(deep)); }).starts_with("3: "));
}

TEST_CASE("API: balancers with their strategies", "[proxy][api]") {
  proto_writer cost, load, balancer, plain, routing;
  cost.text(2, "a");
  std::string costs = cost.take() + std::string("\x1d\0\0\0\x3f", 5);  // value = 0.5f
  load.message(2, costs)
      .message(3, std::string("\x80\xb4\x89\x13\5", 5))
      .number(4, 2)
      .number(5, 1'000'000'000);
  std::string settings = load.take() + std::string("\x35\0\0\x80\x3e", 5);  // tolerance = 0.25f
  balancer.text(1, "b").text(2, "out-").text(2, "x").text(3, "leastload").text(5, "direct");
  balancer.message(4, typed("xray.app.router.StrategyLeastLoadConfig", settings));
  plain.text(1, "r").text(2, "out-").text(3, "random").message(4, "");
  routing.message(3, balancer.content()).message(3, plain.content());
  const std::string message = typed("xray.app.router.Config", routing.content());
  CHECK(without_spaces(shown_as([&] { return routing_of(bytes_of(message)); })) ==
        R"({"balancers":[{"fallbackTag":"direct","selector":["out-","x"],"strategy":{"settings":)"
        R"({"baselines":["40000000ns","5ns"],"costs":[{"match":"a","value":0.5}],"expected":2,)"
        R"("maxRTT":"1000000000ns","tolerance":0.25},"type":"leastload"},"tag":"b"},)"
        R"({"selector":["out-"],"strategy":{"type":"random"},"tag":"r"}]})");
  // A list of numbers that ends in the middle of one.
  const std::string cut =
      typed("xray.app.router.StrategyLeastLoadConfig", proto_writer().message(3, "\x80").content());
  const std::string broken =
      typed("xray.app.router.Config",
            proto_writer().message(3, proto_writer().message(4, cut).content()).content());
  CHECK(shown_as([&] { return routing_of(bytes_of(broken)); }) ==
        "3: xray.app.router.StrategyLeastLoadConfig has an invalid list of numbers");
  const std::string many = typed("xray.app.router.StrategyLeastLoadConfig",
                                 proto_writer().message(3, std::string(most_api_values + 1, '\1')).content());
  const std::string long_list =
      typed("xray.app.router.Config",
            proto_writer().message(3, proto_writer().message(4, many).content()).content());
  CHECK(shown_as([&] { return routing_of(bytes_of(long_list)); }) ==
        "8: the message has more than 100000 values");
}

TEST_CASE("API: XHTTP, whose client writes ranges of zeros for defaults", "[proxy][api]") {
  const auto range = [](std::uint64_t from, std::uint64_t to) {
    proto_writer out;
    return out.number(1, from).number(2, to).take();
  };
  proto_writer xmux, xhttp, carrier, stream, receiver;
  xmux.message(1, range(1, 1)).message(2, "").message(4, range(600, 900));
  xhttp.text(1, "a.example")
      .text(2, "/x")
      .text(3, "auto")
      .message(5, range(100, 1000))
      .message(8, range(0, 0));
  xhttp.number(10, 30).message(12, xmux.content()).message(26, "");
  carrier.message(2, typed("xray.transport.internet.splithttp.Config", xhttp.content())).text(3, "splithttp");
  stream.text(5, "splithttp").message(2, carrier.content());
  receiver.message(3, stream.content());
  CHECK(
      without_spaces(inbound(handler("xray.proxy.http.ServerConfig", "", "xray.app.proxyman.ReceiverConfig",
                                     receiver.content())))
          .find(
              R"("xhttpSettings":{"host":"a.example","mode":"auto","path":"/x","scMaxBufferedPosts":30,)"
              R"("xPaddingBytes":"100-1000","xmux":{"hMaxRequestTimes":"600-900","maxConcurrency":"1-1"}})") !=
      std::string::npos);
}

TEST_CASE("API: operations on users, and users as messages", "[proxy][api]") {
  proto_writer account, user, add;
  account.text(1, "secret");
  user.number(1, 2).text(2, "ann").message(3, typed("xray.proxy.trojan.Account", account.content()));
  add.message(1, user.content());
  const std::string adds = typed("xray.app.proxyman.command.AddUserOperation", add.content());
  const user_operation one = user_operation_of(bytes_of(adds));
  CHECK(one.adds);
  CHECK(one.email == "ann");
  CHECK(without_spaces(json_text(one.user)) == R"({"email":"ann","level":2,"password":"secret"})");
  CHECK(user_message(std::get<setting::object>(one.user.is), "trojan", "") == user.content());
  const std::string removes = typed("xray.app.proxyman.command.RemoveUserOperation",
                                    "\x0a\x03"
                                    "bob");
  CHECK(user_operation_of(bytes_of(removes)).email == "bob");
  CHECK_FALSE(user_operation_of(bytes_of(removes)).adds);
  CHECK_THROWS_AS(user_operation_of(bytes_of(typed("xray.X", ""))), api_refusal);
  CHECK_THROWS_AS(user_operation_of(bytes_of(typed("xray.app.proxyman.command.AddUserOperation", ""))),
                  api_refusal);
}

}  // namespace api_message_test
