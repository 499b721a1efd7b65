// Xray's API of a proxy that runs: counters, users, inbounds, outbounds, rules, at a listener and behind a
// rule.
#include "api_caller.hpp"

#include "proxy/api/request.hpp"

#include <map>

namespace configured_api_test {
namespace {

using namespace api_test;
using namespace configured_test;

const_bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

/// A proxy with accounts, an echo as its target, and an API with all services.
struct api_bench : bench {
  explicit api_bench(const std::string& more = {}, const std::string& services =
                                                       R"("HandlerService", "StatsService", "RoutingService",
                                                          "LoggerService")")
      : proxy(made(R"({"inbounds": [{"tag": "in", "protocol": "socks", "listen": "127.0.0.1", "port": 0,
                         "settings": {"auth": "password", "accounts": [{"user": "ann", "pass": "a"}]}}],
                       "outbounds": [{"tag": "direct", "protocol": "freedom", "settings": {"allowPrivate": true}},
                                     {"tag": "block", "protocol": "blackhole"}],
                       "api": {"tag": "api", "listen": "127.0.0.1:0", "services": [)" +
                   services + "]}" + more + "}")),
        client{io, to_tcp(proxy->listening().back().at)} {
    proxy->start();
  }
  ~api_bench() { finish(proxy); }

  /// What an echo answers behind a login; the bytes of SOCKS before it are cut off.
  std::string as(const std::string& user, const std::string& secret) {
    const std::string heard =
        test::run(io, configured_test::say(tcp::socket(io), to_tcp(proxy->listening().front().at),
                                           as_user(user, secret) + to_port(port()) + "hello"));
    return heard.size() < 14 ? "refused" : heard.substr(14);
  }
  std::map<std::string, std::uint64_t> counters(bool reset = false, std::string_view pattern = {}) {
    proto_writer request;
    request.text(1, pattern).number(2, reset);
    const auto answer = client.call("/xray.app.stats.command.StatsService/QueryStats", request.content());
    std::map<std::string, std::uint64_t> out;
    each_field(bytes_of(answer.body),
               [&](const proto_reader& in) { out[text_in(in.bytes(), 1)] = number_in(in.bytes(), 2); });
    return out;
  }
  std::vector<std::string> tags(std::string_view method) {
    const auto answer = client.call("/xray.app.proxyman.command.HandlerService/" + std::string(method), "");
    std::vector<std::string> out;
    each_field(bytes_of(answer.body), [&](const proto_reader& in) { out.push_back(text_in(in.bytes(), 1)); });
    return out;
  }

  std::unique_ptr<configured_proxy> proxy;
  api_client client;
};

std::string alter(const std::string& tag, std::string_view operation, std::string_view message) {
  proto_writer out;
  out.text(1, tag);
  out.message(2, typed("xray.app.proxyman.command." + std::string(operation), message));
  return out.take();
}

std::string add_account(const std::string& tag, const std::string& user, const std::string& secret) {
  proto_writer account, whole, add;
  account.text(1, user).text(2, secret);
  whole.text(2, user).message(3, typed("xray.proxy.socks.Account", account.content()));
  add.message(1, whole.content());
  return alter(tag, "AddUserOperation", add.content());
}

std::string add_vless(const std::string& tag, const std::string& email, const std::string& id) {
  proto_writer account, whole, add;
  account.text(1, id);
  whole.text(2, email).message(3, typed("xray.proxy.vless.Account", account.content()));
  add.message(1, whole.content());
  return alter(tag, "AddUserOperation", add.content());
}

std::string remove_user(const std::string& tag, const std::string& email) {
  return alter(tag, "RemoveUserOperation", text_message(1, email));
}

std::uint16_t free_port() {
  asio::io_context io;
  return tcp::acceptor(io, {make_address("127.0.0.1"), 0}).local_endpoint().port();
}

/// AddInboundRequest of an open SOCKS listener.
std::string socks_inbound_at(const std::string& tag, std::uint16_t port) {
  proto_writer range, ports, listen, receiver, handler, request;
  range.number(1, port).number(2, port);
  ports.message(1, range.content());
  listen.message(1, std::string("\x7f\0\0\1", 4));
  receiver.message(1, ports.content()).message(2, listen.content());
  handler.text(1, tag);
  handler.message(2, typed("xray.app.proxyman.ReceiverConfig", receiver.content()));
  handler.message(3, typed("xray.proxy.socks.ServerConfig", ""));
  return request.message(1, handler.content()).take();
}

std::string outbound_named(const std::string& tag, std::string_view type, std::string_view config = {}) {
  proto_writer handler, request;
  handler.text(1, tag).message(3, typed(type, config));
  return request.message(1, handler.content()).take();
}

}  // namespace

TEST_CASE("API: counters have Xray's names and begin anew after a reset", "[proxy][api]") {
  api_bench b;
  REQUIRE(b.as("ann", "a") == "hello");
  auto now = b.counters();
  CHECK(now.at("user>>>ann>>>traffic>>>uplink") == 5);
  CHECK(now.at("outbound>>>direct>>>traffic>>>downlink") == 5);
  CHECK(b.counters(false, "user>>>").size() == 2);
  CHECK(b.counters(true).at("inbound>>>in>>>traffic>>>uplink") == 5);
  CHECK(b.counters().at("inbound>>>in>>>traffic>>>uplink") == 0);
  REQUIRE(b.as("ann", "a") == "hello");
  CHECK(b.counters().at("inbound>>>in>>>traffic>>>uplink") == 5);
  CHECK(b.client.stats("GetStats", text_message(1, "user>>>ann>>>traffic>>>uplink")) == "0");
  CHECK(b.client.stats("GetStats", text_message(1, "user>>>eve>>>traffic>>>uplink")) ==
        "5: user>>>eve>>>traffic>>>uplink not found.");
  CHECK(b.client.stats("GetSysStats") == "0");
  CHECK(b.client.stats("GetStatsOnline", text_message(1, "user>>>ann>>>online")) == "0");
  CHECK(b.client.stats("GetStatsOnlineIpList", text_message(1, "user>>>eve>>>online")) ==
        "5: user>>>eve>>>online not found.");
  CHECK(b.client.stats("GetAllOnlineUsers") == "0");
  CHECK(b.client.outcome("/v2ray.core.app.stats.command.StatsService/QueryStats") == "0");
}

TEST_CASE("API: an added user may connect, and a removed user may not", "[proxy][api]") {
  api_bench b;
  CHECK(b.as("bob", "b") == "refused");
  CHECK(b.client.handler("AlterInbound", add_account("in", "bob", "b")) == "0");
  CHECK(b.as("bob", "b") == "hello");
  CHECK(b.client.handler("AlterInbound", add_account("in", "Bob", "c")) == "6: User Bob already exists.");
  CHECK(b.client.handler("AlterInbound", add_account("out", "bob", "b")) ==
        "5: failed to get handler: out > handler not found: out");
  const auto users =
      b.client.call("/xray.app.proxyman.command.HandlerService/GetInboundUsers", text_message(1, "in"));
  CHECK(users.body.find("bob") != std::string::npos);
  CHECK(users.body.find("xray.proxy.socks.Account") != std::string::npos);
  const auto count =
      b.client.call("/xray.app.proxyman.command.HandlerService/GetInboundUsersCount", text_message(1, "in"));
  CHECK(number_in(bytes_of(count.body), 1) == 2);
  CHECK(b.client.handler("AlterInbound", remove_user("in", "ann")) == "0");
  CHECK(b.as("ann", "a") == "refused");
  CHECK(b.as("bob", "b") == "hello");
  CHECK(b.client.handler("AlterInbound", remove_user("in", "ann")) == "5: User ann not found.");
  // The inbound would be open then.
  CHECK(b.client.handler("AlterInbound", remove_user("in", "bob")).starts_with("9: "));
  CHECK(b.as("bob", "b") == "hello");
}

TEST_CASE("API: inbounds come and go", "[proxy][api]") {
  api_bench b;
  const std::uint16_t port = free_port();
  CHECK(b.client.handler("AddInbound", socks_inbound_at("new", port)) == "0");
  CHECK(b.tags("ListInbounds") == std::vector<std::string>{"in", "new"});
  CHECK(b.by_tcp(port, b.port()) == "hello");
  CHECK(b.client.handler("AddInbound", socks_inbound_at("new", free_port())) == "6: existing tag found: new");
  CHECK(b.client.handler("AddInbound", socks_inbound_at("other", port)).find("cannot listen") !=
        std::string::npos);
  CHECK(b.client.handler("RemoveInbound", text_message(1, "new")) == "0");
  CHECK(b.client.handler("RemoveInbound", text_message(1, "new")) == "5: handler not found: new");
  CHECK(b.tags("ListInbounds") == std::vector<std::string>{"in"});
  CHECK_THROWS(b.by_tcp(port, b.port()));
  CHECK(b.client.handler("AddInbound", socks_inbound_at("new", port)) == "0");
  CHECK(b.by_tcp(port, b.port()) == "hello");
}

TEST_CASE("API: users of an inbound that was added", "[proxy][api]") {
  api_bench b;
  proto_writer range, ports, listen, receiver, config, handler, request;
  range.number(1, free_port()).number(2, 0);
  const std::uint16_t port = free_port();
  proto_writer right;
  right.number(1, port).number(2, port);
  ports.message(1, right.content());
  listen.message(1, std::string("\x7f\0\0\1", 4));
  receiver.message(1, ports.content()).message(2, listen.content());
  config.text(3, "none");
  handler.text(1, "v").message(2, typed("xray.app.proxyman.ReceiverConfig", receiver.content()));
  handler.message(3, typed("xray.proxy.vless.inbound.Config", config.content()));
  CHECK(b.client.handler("AddInbound", request.message(1, handler.content()).content()) == "0");
  const std::string id = "66ad4540-b58c-4ad2-9926-ea63445a9b57";
  CHECK(b.client.handler("AlterInbound", add_vless("v", "ann", id)) == "0");
  CHECK(b.client.handler("AlterInbound", add_vless("v", "bob", id)) ==
        "6: the id or the password is that of another user");
  CHECK(b.client.handler("AlterInbound", add_vless("v", "eve", "a text of more than thirty bytes"))
            .starts_with("3: inbounds[0]."));
  CHECK(b.client.handler("AlterInbound", remove_user("v", "ANN")) == "0");
  CHECK(b.client.handler("AlterInbound", add_vless("v", "bob", id)) == "0");
}

TEST_CASE("API: outbounds come and go, and the default is not another one meanwhile", "[proxy][api]") {
  api_bench b;
  CHECK(b.tags("ListOutbounds") == std::vector<std::string>{"direct", "block", "api"});
  CHECK(b.client.handler("RemoveOutbound", text_message(1, "direct")) == "0");
  CHECK(b.as("ann", "a") == "");
  CHECK(b.tags("ListOutbounds") == std::vector<std::string>{"block", "api"});
  CHECK(b.client.handler("RemoveOutbound", text_message(1, "direct")) == "5: handler not found: direct");
  CHECK(b.client.handler("AddOutbound", outbound_named("block", "xray.proxy.blackhole.Config")) ==
        "6: existing tag found: block");
  CHECK(b.client.handler("AddOutbound", outbound_named("direct", "xray.proxy.freedom.Config")) == "0");
  CHECK(b.client.handler("AddOutbound", outbound_named("w", "xray.proxy.wireguard.DeviceConfig")) ==
        "12: muxpro does not support xray.proxy.wireguard.DeviceConfig");
}

TEST_CASE("API: rules and balancers", "[proxy][api]") {
  api_bench b(R"(, "routing": {"balancers": [{"tag": "both", "selector": ["direct", "block"],
                  "strategy": {"type": "roundRobin"}}], "rules": [
                  {"ruleTag": "first", "port": 1, "outboundTag": "block"},
                  {"ruleTag": "second", "network": "tcp", "balancerTag": "both"}]})");
  const auto test_port = [&](std::uint16_t port) {
    proto_writer context, request;
    context.number(2, 2).number(6, port).text(7, "a.example");
    request.message(1, context.content());
    const auto answer = b.client.call("/xray.app.router.command.RoutingService/TestRoute", request.content());
    return text_in(bytes_of(answer.body), 12);
  };
  CHECK(test_port(1) == "block");
  CHECK(test_port(2) != test_port(2));
  proto_writer request;
  request.text(1, "both").text(2, "direct");
  CHECK(b.client.routing("OverrideBalancerTarget", request.content()) == "0");
  CHECK(test_port(2) == "direct");
  CHECK(test_port(2) == "direct");
  const auto info =
      b.client.call("/xray.app.router.command.RoutingService/GetBalancerInfo", text_message(1, "both"));
  const const_bytes balancer = bytes_in(bytes_of(info.body), 1);
  CHECK(text_in(bytes_in(balancer, 5), 2) == "direct");
  CHECK(texts_in(bytes_in(balancer, 6), 1) == std::vector<std::string>{"direct", "block"});
  CHECK(b.client.routing("GetBalancerInfo", text_message(1, "none")) == "5: cannot find tag: none");
  CHECK(b.client.routing("RemoveRule", text_message(1, "first")) == "0");
  CHECK(test_port(1) == "direct");
  proto_writer rule, config, add;
  rule.text(1, "block").text(19, "third").number(13, 2);
  config.message(2, rule.content());
  add.message(1, typed("xray.app.router.Config", config.content()));
  CHECK(b.client.routing("AddRule", add.content()) == "0");
  CHECK(test_port(1) == "block");
  const auto rules = b.client.call("/xray.app.router.command.RoutingService/ListRule", "");
  CHECK(rules.body.find("third") != std::string::npos);
  CHECK(rules.body.find("second") == std::string::npos);
}

TEST_CASE("API: balancers that are added, and those that are replaced", "[proxy][api]") {
  api_bench b(R"(, "routing": {"balancers": [{"tag": "old", "selector": ["block"]}], "rules": [
                  {"ruleTag": "first", "network": "tcp", "balancerTag": "old"}]})");
  const auto chosen = [&] {
    proto_writer context, request;
    context.number(2, 2).number(6, 1).text(7, "a.example");
    request.message(1, context.content());
    const auto answer = b.client.call("/xray.app.router.command.RoutingService/TestRoute", request.content());
    return text_in(bytes_of(answer.body), 12);
  };
  const auto add = [&](const char* tag, const char* selector, const char* rule_tag, bool append) {
    proto_writer balancer, rule, config, request;
    balancer.text(1, tag).text(2, selector).text(3, "leastload");
    balancer.message(4,
                     typed("xray.app.router.StrategyLeastLoadConfig", proto_writer().number(4, 1).content()));
    rule.text(12, tag).text(19, rule_tag).number(13, 2);
    config.message(2, rule.content()).message(3, balancer.content());
    request.message(1, typed("xray.app.router.Config", config.content())).number(2, append);
    return b.client.routing("AddRule", request.content());
  };
  CHECK(chosen() == "block");
  CHECK(add("old", "direct", "second", true).starts_with("3: routing.balancers[0].tag: is 'old'"));
  CHECK(add("new", "direct", "second", true) == "0");
  CHECK(chosen() == "block");  // the first rule decides
  CHECK(b.client.routing("GetBalancerInfo", text_message(1, "new")) == "0");
  proto_writer pin;
  pin.text(1, "old").text(2, "direct");
  CHECK(b.client.routing("OverrideBalancerTarget", pin.content()) == "0");
  CHECK(add("old", "block", "third", false) == "0");
  CHECK(chosen() == "block");  // the override was of the balancer before
  CHECK(b.client.routing("GetBalancerInfo", text_message(1, "new")) == "5: cannot find tag: new");
  CHECK(add("bad", "nothing", "fourth", true).starts_with("3: routing.balancers[0].selector: is 'nothing'"));
}

TEST_CASE("API: users of a Shadowsocks inbound that begins without any", "[proxy][api]") {
  bench b;
  auto proxy = made(R"({"inbounds": [{"tag": "s", "protocol": "shadowsocks", "listen": "127.0.0.1",
      "port": 0, "settings": {"clients": []}}], "outbounds": [{"protocol": "freedom"}],
      "api": {"tag": "api", "listen": "127.0.0.1:0", "services": ["HandlerService"]}})");
  proxy->start();
  api_client client{b.io, to_tcp(proxy->listening().back().at)};
  const auto add = [&](const char* email, std::uint64_t cipher) {
    proto_writer account, user, operation;
    account.text(1, std::string("secret of ") + email).number(2, cipher);
    user.text(2, email).message(3, typed("xray.proxy.shadowsocks.Account", account.content()));
    operation.message(1, user.content());
    return client.handler("AlterInbound", alter("s", "AddUserOperation", operation.content()));
  };
  constexpr std::uint64_t aes_128_gcm = 5, chacha20_poly1305 = 7;
  CHECK(add("ann", chacha20_poly1305) == "0");
  CHECK(add("bob", aes_128_gcm).find("all have the same") != std::string::npos);
  CHECK(add("bob", chacha20_poly1305) == "0");
  CHECK(client.handler("AlterInbound", remove_user("s", "ann")) == "0");
  finish(proxy);
}

TEST_CASE("API: requests that Xray refuses are refused with the same text", "[proxy][api]") {
  api_bench b;
  CHECK(b.client.handler("AlterOutbound", text_message(1, "direct")) == "2: not an outbound operation");
  CHECK(b.client.routing("SubscribeRoutingStats") == "2: Routing statistics not enabled.");
}

TEST_CASE("API: what is not a call, or not had, is refused", "[proxy][api]") {
  api_bench b({}, R"("StatsService")");
  CHECK(b.client.handler("ListInbounds") == "12: HandlerService is not among the services of api");
  CHECK(b.client.stats("Nothing").starts_with("12: "));
  CHECK(b.client.outcome("/a/b").starts_with("12: "));
  CHECK(b.client.stats("GetStats", "\x0a\x09x").starts_with("3: "));
  http2_head get{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}};
  CHECK(test::run(b.io, send_call(tcp::socket(b.io), b.client.at, get, "")).head == "415");
  const std::string path = "/xray.app.stats.command.StatsService/QueryStats";
  const auto send = [&](std::string bytes) {
    return test::run(b.io, send_call(tcp::socket(b.io), b.client.at, call_head(path), std::move(bytes)))
        .status;
  };
  CHECK(send(std::string("\1\0\0\0\0", 5)) == "12");
  CHECK(send(std::string("\0\0\0\0\5x", 6)) == "3");
  CHECK(send(framed_message(std::string(most_api_message + 1, 'x'))) == "8");
}

TEST_CASE("API: an inbound that a rule leads to the API's tag", "[proxy][api]") {
  bench b;
  auto proxy =
      made(R"({"inbounds": [{"tag": "api", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": 0,
                                 "settings": {"address": "127.0.0.1"}}],
      "outbounds": [{"tag": "direct", "protocol": "freedom"}], "stats": {},
      "api": {"tag": "api", "services": ["HandlerService", "LoggerService", "StatsService"]},
      "routing": {"rules": [{"type": "field", "inboundTag": ["api"], "outboundTag": "api"}]}})");
  proxy->start();
  api_client client{b.io, to_tcp(proxy->listening().front().at)};
  CHECK(client.stats("GetSysStats") == "0");
  CHECK(client.stats("QueryStats") == "0");
  CHECK(client.handler("ListInbounds") == "0");
  finish(proxy);
}

TEST_CASE("API: RestartLogger calls what opens the logs", "[proxy][api]") {
  api_bench b;
  const char* path = "/xray.app.log.command.LoggerService/RestartLogger";
  CHECK(b.client.outcome(path).starts_with("12: "));
  int opened = 0;
  b.proxy->reopen_logs_by([&] { ++opened; });
  CHECK(b.client.outcome(path) == "0");
  CHECK(opened == 1);
}

}  // namespace configured_api_test
