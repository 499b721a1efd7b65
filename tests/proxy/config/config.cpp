// Configurations that can be, and what comes of them.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/inbound/dokodemo.hpp"
#include "proxy/inbound/mixed.hpp"
#include "proxy/outbound/freedom.hpp"
#include "proxy/outbound/socks.hpp"
#include "proxy/transport/tls.hpp"

#include <chrono>
#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using test::options_of;
using test::read_text;

}  // namespace

TEST_CASE("config: every key can be set", "[proxy][config]") {
  const read_text r(test::everything);
  CHECK(r.all() == "");
  CHECK(r.c.log.level == log_level::info);
  CHECK(r.c.log.access == "/var/log/muxpro.access");
  CHECK(r.c.log.dns);
  REQUIRE(r.c.metrics);
  CHECK(to_string(*r.c.metrics) == "127.0.0.1:8080");
  REQUIRE(r.c.inbounds.size() == 7);
  REQUIRE(r.c.outbounds.size() == 4);
}

TEST_CASE("config: inbounds", "[proxy][config]") {
  const read_text r(test::everything);
  const inbound_config& local = r.c.inbounds[0];
  CHECK(local.tag == "local");
  CHECK(local.protocol == "socks");
  CHECK(to_string(local.at) == "127.0.0.1:1080");
  CHECK_FALSE(local.plan.authenticates);
  CHECK(local.sniffing.enabled);
  CHECK(local.sniffing.dest_override == std::vector<std::string>{"http", "tls", "fakedns"});
  CHECK(local.sniffing.ports_excluded == "25");
  const auto& socks = options_of<mixed_inbound_options>(local);
  CHECK(socks.users.empty());
  CHECK(socks.relay.idle == 1500ms);  // level 1
  CHECK(socks.handshake == 10s);      // the default
  const inbound_config& far = r.c.inbounds[1];
  CHECK(to_string(far.at) == "[::]:1081");
  CHECK(far.plan.authenticates);
  CHECK(options_of<mixed_inbound_options>(far).users.check("alice", "secret"));
  CHECK(options_of<mixed_inbound_options>(far).handshake == 4s);
  CHECK(options_of<mixed_inbound_options>(far).relay.downlink_only == 7s);
  CHECK(to_string(r.c.inbounds[2].at) == "unix:/run/muxpro.sock");
  const inbound_config& sure = r.c.inbounds[3];
  CHECK(to_string(sure.at) == "0.0.0.0:1082");
  CHECK(sure.stream.authenticates());
  CHECK(sure.stream.socket.fast_open);
  CHECK(sure.stream.socket.keep_alive_idle == 60s);
  CHECK(sure.stream.socket.user_timeout == 10s);
}

TEST_CASE("config: a door to one place", "[proxy][config]") {
  const read_text r(test::everything);
  const inbound_config& door = r.c.inbounds[5];
  CHECK(door.plan.tcp);
  CHECK(door.plan.udp);
  CHECK(door.plan.one_target);
  const auto& options = options_of<dokodemo_inbound_options>(door);
  REQUIRE(options.target);
  CHECK(options.target->host.to_string() == "192.0.2.53");
  CHECK(options.target->port == 53);
  CHECK_FALSE(options.follow_redirect);
}

TEST_CASE("config: names with addresses of their own", "[proxy][config]") {
  const read_text r(test::everything);
  const inbound_config& names = r.c.inbounds[6];
  CHECK(names.plan.tcp);
  CHECK(names.plan.udp);
  REQUIRE(r.c.fakes);
  CHECK(r.c.fakes->v4 == "198.18.0.0/15");
  CHECK(r.c.fakes->v6.empty());
  CHECK(r.c.fakes->capacity == 1000);
}

TEST_CASE("config: lines about connections go to the log, to a file or nowhere", "[proxy][config]") {
  const auto access = [](const std::string& log) {
    const read_text r(R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
                          "outbounds": [{"protocol": "freedom"}], "log": {)" +
                      log + "}}");
    CHECK(r.all() == "");
    return r.c.log.access;
  };
  CHECK(access("") == "");
  CHECK(access(R"("access": "")") == "");
  CHECK(access(R"("access": "a.log")") == "a.log");
  CHECK_FALSE(access(R"("access": "none")"));
}

TEST_CASE("config: a server with SOCKS", "[proxy][config]") {
  const read_text r(test::everything);
  const auto& socks = options_of<socks_outbound_options>(r.c.outbounds[3]);
  CHECK(to_string(r.c.outbounds[3].plan.server.value()) == "192.0.2.7:1080");
  REQUIRE(socks.credentials);
  CHECK(socks.credentials->user == "alice");
  CHECK(socks.credentials->secret == "secret");
  const read_text nobody(R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
                             "outbounds": [{"protocol": "socks",
                               "settings": {"servers": [{"address": "unix:/run/s"}]}}]})");
  CHECK(nobody.all() == "");
  CHECK_FALSE(options_of<socks_outbound_options>(nobody.c.outbounds[0]).credentials);
}

TEST_CASE("config: outbounds", "[proxy][config]") {
  const read_text r(test::everything);
  CHECK(to_string(r.c.outbounds[0].plan.server.value()) == "proxy.example:9527");
  const mux_options& mux = r.c.outbounds[0].mux.value();
  CHECK(mux.pool.max_concurrency == 16);
  CHECK(mux.pool.max_connections == 4);
  CHECK(mux.pool.backoff_max == 1s);
  CHECK(mux.priority == 9);
  CHECK(options_of<freedom_options>(r.c.outbounds[1]).allow_private == true);
  CHECK(options_of<freedom_options>(r.c.outbounds[1]).dial.family == dial_family::ipv4);
  CHECK(options_of<freedom_options>(r.c.outbounds[1]).nat.refused_ports == "19,1900");
  CHECK(r.c.outbounds[2].plan.datagrams == datagram_support::discarded);
  CHECK_FALSE(r.c.outbounds[2].plan.server);
  CHECK(r.c.outbounds[2].tag == "blackhole");
  CHECK(r.c.routing.outbound_tags ==
        std::vector<std::string>{"server", "direct", "blackhole", "relay", "api"});
  // What is behind the inbounds outlasts them all.
  CHECK(r.c.outbound_policy.relay.idle == 100s);
  CHECK(r.c.outbound_policy.relay.buffer == 512 * 1024);
}

TEST_CASE("config: a level's buffer is that of its inbounds", "[proxy][config]") {
  const read_text r(test::everything);
  const auto buffer = [&](std::size_t i) {
    return options_of<mixed_inbound_options>(r.c.inbounds[i]).relay.buffer;
  };
  CHECK(buffer(0) == 512 * 1024);  // level 1
  CHECK(r.c.inbounds[0].anonymous.link_capacity == 128 * 1024);
  CHECK(buffer(1) == 16 * 1024);  // level 0
  CHECK(r.c.inbounds[1].anonymous.link_capacity == 4 * 1024);
  CHECK(policy_level().relay.buffer == 128 * 1024);
}

TEST_CASE("config: main connections by way of SOCKS, at both ends", "[proxy][config]") {
  const read_text r(test::everything);
  CHECK_FALSE(options_of<mixed_inbound_options>(r.c.inbounds[0]).main_connections);
  const auto& inside = options_of<mixed_inbound_options>(r.c.inbounds[1]).main_connections;
  REQUIRE(inside);
  CHECK(inside->options().session.negotiate_timeout == 4s);
  const outbound_config& relay = r.c.outbounds[3];
  REQUIRE(relay.mux);
  CHECK(relay.mux->pool.max_concurrency == 3);
  CHECK(relay.mux->priority == 5);
}

TEST_CASE("config: names that are answered without a query", "[proxy][config]") {
  const read_text r(test::everything);
  using addresses = std::vector<asio::ip::address>;
  REQUIRE(r.c.names);
  REQUIRE(r.c.names->host_of("a.example"));
  CHECK(r.c.names->host_of("a.example")->addresses == addresses{asio::ip::make_address("192.0.2.1")});
  REQUIRE(r.c.names->host_of("b.example"));
  CHECK(r.c.names->host_of("b.example")->addresses ==
        addresses{asio::ip::make_address("192.0.2.2"), asio::ip::make_address("2001:db8::2")});
  CHECK_FALSE(r.c.names->host_of("c.b.example"));
}

TEST_CASE("config: rules", "[proxy][config]") {
  const read_text r(test::everything);
  CHECK(r.c.routing.strategy == domain_strategy::ip_if_non_match);
  REQUIRE(r.c.routing.rules.size() == 2);
  CHECK(r.c.routing.rules[0].domain == std::vector<std::string>{"full:a.example", "keyword:ads"});
  const routing_rule& second = r.c.routing.rules[1];
  CHECK(second.ip == std::vector<std::string>{"10.0.0.0/8", "!10.1.0.0/16"});
  CHECK(second.source_ip == std::vector<std::string>{"192.0.2.0/24"});
  CHECK(second.source_port == "7");
  CHECK(second.network == "tcp,udp");
  CHECK(second.attrs.at(":method") == "GET");
  CHECK(second.balancer_tag == "any");
  CHECK(second.mux_priority == 200);
  CHECK_FALSE(r.c.routing.rules[0].mux_priority);
  REQUIRE(r.c.routing.balancers.size() == 1);
  CHECK(r.c.routing.balancers[0].strategy == balancing::least_load);

  geo_files none;
  const router rules(r.c.routing, none);
  route_request q;
  q.target = {network::tcp, "a.example", 80};
  CHECK(rules.route(q)->outbound_tag == "blackhole");
}

TEST_CASE("config: a client in a few lines", "[proxy][config]") {
  const read_text r(R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1080}],
                        "outbounds": [{"protocol": "mux.pro", "settings": {"address": "unix:/run/s"}}]})");
  CHECK(r.all() == "");
  CHECK(r.c.inbounds[0].tag == "socks");
  CHECK(to_string(r.c.outbounds[0].plan.server.value()) == "unix:/run/s");
  CHECK(r.c.log.level == log_level::warning);
  CHECK_FALSE(r.c.outbounds[0].stream.security.make);
  CHECK_FALSE(r.c.outbounds[0].stream.carrier.make);
}

TEST_CASE("config: the name in a server's certificate is its own unless another is set", "[proxy][config]") {
  std::string asked;
  registry known = registry::global();
  known.securities = {};
  known.securities.add("tls", "", [&](settings& s, role side, const std::string& server) {
    asked = read_tls_options(s, side, server).name;
    return transport_factory();
  });
  const auto name = [&](const std::string& tls) {
    config_mistakes mistakes;
    geo_files none;
    const auto root = parse_json(
        R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
            "outbounds": [{"protocol": "mux.pro",
            "settings": {"address": "proxy.example", "port": 1}, "streamSettings": {"security": "tls")" +
            tls + "}}]}",
        mistakes);
    read_config(*root, known, none, mistakes);
    CHECK(mistakes.empty());
    return asked;
  };
  CHECK(name("") == "proxy.example");
  CHECK(name(R"(, "tlsSettings": {"serverName": "x.example"})") == "x.example");
}

TEST_CASE("config: JSON within bounds", "[proxy][config]") {
  const auto mistake = [](std::string_view text) {
    config_mistakes mistakes;
    const auto root = parse_json(text, mistakes);
    CHECK(root.has_value() == mistakes.empty());
    return mistakes.empty() ? std::string() : mistakes.all()[0].sentence;
  };
  using Catch::Matchers::ContainsSubstring;
  CHECK(mistake("// a\n{ /* b */ } ") == "");
  CHECK_THAT(mistake("{\n  \"a\": tru }"), ContainsSubstring("line 2, column"));
  CHECK_THAT(mistake(""), ContainsSubstring("is not JSON"));
  CHECK_THAT(mistake("{} {}"), ContainsSubstring("is not JSON"));
  CHECK_THAT(mistake("{\"a\": \"\xff\"}"), ContainsSubstring("is not JSON"));
  CHECK_THAT(mistake("1e999"), ContainsSubstring("is not JSON"));
  CHECK_THAT(mistake(R"({"a": 1, "b": {"a": 1, "a": 2}})"), ContainsSubstring("the key 'a' occurs twice"));
  CHECK(mistake(std::string(32, '[') + std::string(32, ']')) == "");
  CHECK_THAT(mistake(std::string(33, '[') + std::string(33, ']')), ContainsSubstring("deeper than 32"));
  CHECK_THAT(mistake(std::string(1'000'000, '[')), ContainsSubstring("deeper than 32"));
  std::string many = "[0";
  for (std::size_t i = 0; i < max_config_values; ++i) many += ",0";
  CHECK_THAT(mistake(many + "]"), ContainsSubstring("more than 1000000 values"));
  CHECK_THAT(mistake(std::string(max_config_size + 1, ' ')), ContainsSubstring("longer than 16 MiB"));
}

TEST_CASE("config: limits of HTTP heads", "[proxy][config]") {
  const read_text r(R"({
    "inbounds": [{"protocol": "http", "port": 2, "listen": "127.0.0.1", "settings": {"maxHeaderBytes": 1024}},
                 {"protocol": "mixed", "port": 3, "listen": "127.0.0.1",
                  "settings": {"maxHeaderBytes": 1048576, "maxHeaderFields": 1000}},
                 {"protocol": "mixed", "port": 4, "listen": "127.0.0.1"}],
    "outbounds": [{"protocol": "freedom"}]})");
  CHECK(r.all() == "");
  const auto& http = options_of<http_inbound_options>(r.c.inbounds.at(0));
  CHECK(http.head.bytes == 1024);
  CHECK(http.head.fields == 256);
  const auto mixed = [&r](std::size_t i) {
    return options_of<mixed_inbound_options>(r.c.inbounds.at(i)).for_http().head;
  };
  CHECK(mixed(1).bytes == 1024 * 1024);
  CHECK(mixed(1).fields == 1000);
  CHECK(mixed(2).bytes == 65536);
  const read_text few(
      R"({"inbounds": [{"protocol": "http", "port": 1, "settings": {"maxHeaderBytes": 1023}}]})");
  CHECK_THAT(few.all(), Catch::Matchers::ContainsSubstring("maxHeaderBytes"));
}

TEST_CASE("config: each protocol of inbounds", "[proxy][config]") {
  const read_text r(R"({
    "inbounds": [{"protocol": "socks", "port": 1, "listen": "127.0.0.1", "settings": {"udp": true}},
                 {"protocol": "http", "port": 2, "listen": "127.0.0.1",
                  "settings": {"accounts": [{"user": "a", "pass": "b"}]}},
                 {"protocol": "mixed", "port": 3, "listen": "127.0.0.1"},
                 {"protocol": "mux.pro", "port": 4, "listen": "127.0.0.1"}],
    "outbounds": [{"protocol": "freedom"}], "metrics": {"listen": "[::1]:5"}})");
  CHECK(r.all() == "");
  REQUIRE(r.c.inbounds.size() == 4);
  CHECK(options_of<mixed_inbound_options>(r.c.inbounds[0]).udp);
  CHECK(options_of<http_inbound_options>(r.c.inbounds[1]).users.check("a", "b"));
  CHECK(r.c.inbounds[1].plan.authenticates);
  CHECK_FALSE(options_of<mixed_inbound_options>(r.c.inbounds[2]).udp);
  CHECK(std::any_cast<mux_inbound_options>(&r.c.inbounds[3].plan.options));
  CHECK(r.c.inbounds[3].plan.carries_datagrams);
  REQUIRE(r.c.metrics);
  CHECK(to_string(*r.c.metrics) == "[::1]:5");
}
