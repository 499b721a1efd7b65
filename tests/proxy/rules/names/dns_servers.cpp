// How a configuration writes servers of DNS, and what becomes of a dns outbound's queries.
#include "catch.hpp"

#include "proxy/names/dns_rules.hpp"
#include "proxy/names/dns_server_options.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace servers_of_dns {

using namespace muxpro::proxy;

std::string shown(const char* text) {
  dns_server_options o;
  if (!read_dns_server_address(text, o)) return "no";
  constexpr const char* ways[] = {"system", "fakes", "udp", "tcp", "https"};
  std::string out = ways[static_cast<int>(o.transport)];
  if (o.transport == dns_transport::system || o.transport == dns_transport::fakes) return out;
  out += fmt::format(" {} {}", o.at.host.to_string(), o.at.port);
  if (o.transport == dns_transport::https) out += fmt::format(" {} {}", o.path, o.tls ? "tls" : "plain");
  return out + (o.local ? " local" : "");
}

TEST_CASE("dns servers: addresses as a configuration has them", "[proxy][names]") {
  CHECK(shown("localhost") == "system");
  CHECK(shown("fakedns") == "fakes");
  CHECK(shown("8.8.8.8") == "udp 8.8.8.8 53");
  CHECK(shown("udp://8.8.8.8:5353") == "udp 8.8.8.8 5353");
  CHECK(shown("2001:db8::1") == "udp 2001:db8::1 53");
  CHECK(shown("[2001:db8::1]:54") == "udp 2001:db8::1 54");
  CHECK(shown("dns.example") == "udp dns.example 53");
  CHECK(shown("tcp://192.0.2.1") == "tcp 192.0.2.1 53");
  CHECK(shown("TCP+Local://dns.example:54") == "tcp dns.example 54 local");
  CHECK(shown("https://1.1.1.1/dns-query") == "https 1.1.1.1 443 /dns-query tls");
  CHECK(shown("https://dns.example") == "https dns.example 443 / tls");
  CHECK(shown("https://dns.example:8443/a?b=c#d") == "https dns.example 8443 /a?b=c tls");
  CHECK(shown("https+local://[::1]/q") == "https ::1 443 /q tls local");
  CHECK(shown("h2c://dns.example/q") == "https dns.example 443 /q plain");
  CHECK(shown("h2c+local://127.0.0.1:80/q") == "https 127.0.0.1 80 /q plain local");
}

TEST_CASE("dns servers: what is no address of one", "[proxy][names]") {
  for (const char* text :
       {"", "1.1.1", "a b", "https://", "https:///q", "https://a:0/q", "https://a:70000/", "tcp://a:b",
        "https://a/b c", "quic+local://dns.example", "tls://1.1.1.1", "ftp://a", ":53", "[::1"})
    CHECK(shown(text) == "no");
}

const dns_rule_options refused_https{dns_action::refuse, 3, port_set::parse("65"), {}};

TEST_CASE("dns rules: without one addresses are answered, and other types have no records",
          "[proxy][names]") {
  const dns_rules none;
  CHECK(none.decide(1, "a.example").action == dns_action::answer);
  CHECK(none.decide(28, "").action == dns_action::answer);
  CHECK(none.decide(16, "a.example").action == dns_action::refuse);
  CHECK(none.decide(16, "a.example").code == 0);
}

TEST_CASE("dns rules: the first one that matches decides", "[proxy][names]") {
  geo_files no_lists;
  const dns_rules rules(
      {refused_https,
       {dns_action::drop, 0, std::nullopt, {"domain:bad.example"}},
       {dns_action::forward, 0, port_set::parse("16-99"), {"full:mail.example", "keyword:mx"}},
       {dns_action::answer, 4, std::nullopt, {"full:odd.example"}}},
      no_lists);
  CHECK(rules.decide(65, "x.bad.example").code == 3);
  CHECK(rules.decide(1, "x.bad.example").action == dns_action::drop);
  CHECK(rules.decide(16, "mail.example").action == dns_action::forward);
  CHECK(rules.decide(99, "my-mx.example").action == dns_action::forward);
  CHECK(rules.decide(1, "mail.example").action == dns_action::answer);
  CHECK(rules.decide(15, "mail.example").action == dns_action::refuse);
  // Only addresses can be answered.
  CHECK(rules.decide(16, "odd.example").action == dns_action::refuse);
  CHECK(rules.decide(16, "odd.example").code == 4);
  CHECK(rules.decide(1, "odd.example").action == dns_action::answer);
}

TEST_CASE("dns rules: a wrong name is one sentence", "[proxy][names]") {
  geo_files no_lists;
  CHECK_THROWS_AS(dns_rules({{dns_action::drop, 0, std::nullopt, {"regexp:("}}}, no_lists),
                  std::invalid_argument);
}

}  // namespace servers_of_dns
