// How rules spell ports, addresses and domains, and geo data as a stranger may have damaged it.
#include "catch.hpp"

#include "geo_message.hpp"
#include "proxy/base/port_set.hpp"
#include "proxy/routing/geo_data.hpp"
#include "proxy/routing/rule_texts.hpp"

#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace rules_test;
using namespace muxpro::proxy;
using asio::ip::make_address;

byte_string geosite() {
  message m =
      geo_list_of("CN", {geo_domain_of(2, "example.cn"), geo_domain_of(3, "www.example.com", {"ads"})});
  m.raw(geo_list_of("GOOGLE",
                    {geo_domain_of(0, "google"), geo_domain_of(1, "^g[0-9]\\.example$", {"ads", "cn"}),
                     geo_domain_of(2, "youtube.com", {"cn"}), geo_domain_of(3, "not a name")})
            .bytes());
  return m;
}

byte_string geoip() {
  message m =
      geo_list_of("PRIVATE", {geo_block({10, 0, 0, 0}, 8), geo_block(std::vector<std::uint8_t>(16, 0), 128)});
  m.raw(geo_list_of("cn", {geo_block({1, 2, 0, 0}, 16)}).bytes());
  message reversed = proto_field(1, "OTHERS");
  reversed.raw(proto_field(2, geo_block({1, 2, 0, 0}, 16)).bytes()).raw(proto_field(3, 1u).bytes());
  return m.raw(proto_field(1, reversed).bytes());
}

geo_files files() {
  geo_files f;
  f.add("geosite.dat", geosite());
  f.add("geoip.dat", geoip());
  f.add("mine.dat", geosite());
  f.add("ours.dat", geoip());
  return f;
}

bool domain_matches(const std::string& rule, const std::string& name) {
  geo_files f = files();
  domain_index index;
  INFO(rule);
  REQUIRE(add_domain_rule(index, rule, 5, f) == "");
  REQUIRE(index.finish() == "");
  return index.find(name) == std::vector<std::uint32_t>{5};
}

std::string domain_mistake(const std::string& rule) {
  geo_files f = files();
  domain_index index;
  return add_domain_rule(index, rule, 5, f);
}

bool ip_matches(const std::vector<std::string>& texts, const std::string& a) {
  geo_files f = files();
  ip_rules rules;
  for (const auto& t : texts) REQUIRE(rules.add(t, f) == "");
  rules.finish();
  return rules.match(make_address(a));
}

std::string ip_mistake(const std::string& text) {
  geo_files f = files();
  return ip_rules().add(text, f);
}

}  // namespace

TEST_CASE("port lists", "[proxy][router]") {
  const auto p = port_set::parse("53,443,1000-2000,65535,0");
  REQUIRE(p);
  for (const int in : {0, 53, 443, 1000, 1500, 2000, 65535})
    CHECK(p->contains(static_cast<std::uint16_t>(in)));
  for (const int out : {1, 52, 54, 999, 2001, 65534})
    CHECK_FALSE(p->contains(static_cast<std::uint16_t>(out)));
  for (const char* bad : {"", ",", "53,", ",53", "53,,54", "65536", "-1", "1-", "-", "2000-1000", "a", "1 ",
                          "+1", "1--2", "1-2-3", "0x10", "env:PORTS"}) {
    INFO(bad);
    CHECK_FALSE(port_set::parse(bad));
  }
}

TEST_CASE("rules spell domains", "[proxy][router]") {
  CHECK(domain_matches("full:example.com", "example.com"));
  CHECK_FALSE(domain_matches("full:example.com", "www.example.com"));
  CHECK(domain_matches("domain:example.com", "www.example.com"));
  CHECK(domain_matches("keyword:xampl", "www.example.com"));
  CHECK(domain_matches("xampl", "www.example.com"));
  CHECK(domain_matches("regexp:ple\\.c.m$", "www.example.com"));
  CHECK(domain_matches("dotless:pc-", "mypc-alice"));
  CHECK_FALSE(domain_matches("dotless:pc-", "mypc-alice.lan"));
  CHECK_FALSE(domain_matches("dotless:pc-", "alice"));
  CHECK(domain_matches("dotless:", "alice"));
  CHECK_FALSE(domain_matches("dotless:", "alice.lan"));
}

TEST_CASE("rules name lists of domains", "[proxy][router]") {
  CHECK(domain_matches("geosite:cn", "a.example.cn"));
  CHECK(domain_matches("geosite:CN", "www.example.com"));
  CHECK(domain_matches("geosite:google", "www.google.example"));
  CHECK(domain_matches("geosite:google", "g1.example"));
  CHECK_FALSE(domain_matches("geosite:google", "www.example.com"));
  CHECK(domain_matches("geosite:google@ads", "g1.example"));
  CHECK_FALSE(domain_matches("geosite:google@ads", "www.youtube.com"));
  CHECK(domain_matches("ext-domain:geosite.dat:google@ads", "g1.example"));
  CHECK(domain_matches("geosite:google@ads@cn", "g1.example"));
  CHECK_FALSE(domain_matches("geosite:google@none", "g1.example"));
  CHECK(domain_matches("ext:mine.dat:cn@ads", "www.example.com"));
}

TEST_CASE("rules about domains that cannot be", "[proxy][router]") {
  const std::string allowed =
      "it must be full:NAME, domain:NAME, keyword:TEXT, regexp:EXPRESSION, dotless:TEXT, "
      "geosite:LIST[@ATTRIBUTE], "
      "ext:FILE:LIST or TEXT";
  for (const char* bad :
       {"ful:example.com", "geoip:cn", "geosite:", "ext:", "ext:mine.dat", "ext:mine.dat:", "ext::cn"})
    CHECK(domain_mistake(bad) == allowed);
  CHECK(domain_mistake("geosite:nowhere") == "and geosite.dat has no list 'nowhere'");
  CHECK(domain_mistake("ext:yours.dat:cn") == "and there is no file yours.dat");
  CHECK(domain_mistake("ext:../mine.dat:cn") == "and there is no file ../mine.dat");
  geo_files holed;
  holed.add("geosite.dat", geo_list_of("x", {geo_domain_of(2, "good.example"), geo_domain_of(1, "(")}));
  domain_index index;
  CHECK(add_domain_rule(index, "geosite:x", 1, holed) ==
        "and geosite.dat has '(', it must be a regular expression in RE2's syntax: missing ): (");
  CHECK(domain_mistake("dotless:a.b") == "it must be dotless:TEXT, without a dot");
  CHECK(domain_mistake("") == "it must be 1 to 253 letters, digits, '-', '_' and '.'");
}

TEST_CASE("rules spell addresses, and their contrary", "[proxy][router]") {
  CHECK(ip_matches({"10.0.0.0/8"}, "10.1.2.3"));
  CHECK_FALSE(ip_matches({"10.0.0.0/8"}, "11.1.2.3"));
  CHECK(ip_matches({"!10.0.0.0/8"}, "11.1.2.3"));
  CHECK_FALSE(ip_matches({"!10.0.0.0/8"}, "10.1.2.3"));
  CHECK(ip_matches({"!!10.0.0.0/8"}, "10.1.2.3"));
  // All negated ones must hold, or one of the others.
  const std::vector<std::string> mixed{"!10.0.0.0/8", "!11.0.0.0/8", "10.9.0.0/16"};
  CHECK(ip_matches(mixed, "12.0.0.1"));
  CHECK(ip_matches(mixed, "10.9.0.1"));
  CHECK_FALSE(ip_matches(mixed, "10.8.0.1"));
  CHECK_FALSE(ip_matches(mixed, "11.8.0.1"));
  CHECK(ip_matches({"!10.0.0.0/8"}, "2001:db8::1"));
}

TEST_CASE("other spellings of an address are the same address (J2)", "[proxy][router]") {
  for (const char* spelled : {"::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "::10.0.0.1"}) {
    CHECK(ip_matches({"10.0.0.0/8"}, spelled));
    CHECK_FALSE(ip_matches({"!10.0.0.0/8"}, spelled));
  }
  CHECK(ip_matches({"64:ff9b::/96"}, "64:ff9b::8.8.8.8"));
}

TEST_CASE("rules name lists of addresses", "[proxy][router]") {
  CHECK(ip_matches({"geoip:private"}, "10.1.1.1"));
  CHECK(ip_matches({"geoip:private"}, "::"));
  CHECK(ip_matches({"geoip:CN"}, "1.2.3.4"));
  for (const char* contrary : {"!geoip:cn", "geoip:!cn", "ext:ours.dat:!cn", "ext-ip:ours.dat:!cn",
                               "!ext:ours.dat:cn", "geoip:others"}) {
    INFO(contrary);
    CHECK(ip_matches({contrary}, "1.3.3.4"));
    CHECK_FALSE(ip_matches({contrary}, "1.2.3.4"));
  }
  CHECK(ip_matches({"!geoip:others"}, "1.2.3.4"));
  CHECK(ip_matches({"geoip:cn", "geoip:private"}, "1.2.0.0"));
}

TEST_CASE("rules about addresses that cannot be", "[proxy][router]") {
  const std::string allowed =
      "it must be an address, a block such as 10.0.0.0/8, geoip:LIST or ext:FILE:LIST, or one of them behind "
      "'!'";
  for (const char* bad :
       {"", "!", "10.0.0.0/33", "10.0.0", "example.com", "geoip:", "ext:ours.dat", "geosite:cn"}) {
    INFO(bad);
    CHECK(ip_mistake(bad) == allowed);
  }
  CHECK(ip_mistake("geoip:zz") == "and geoip.dat has no list 'zz'");
  CHECK(ip_mistake("!ext:no.dat:cn") == "and there is no file no.dat");
  CHECK(ip_mistake("ext:mine.dat:cn") == "and mine.dat is damaged");  // domains are no addresses
}

TEST_CASE("geo data: a file cut anywhere is damaged, or has less", "[proxy][router]") {
  const byte_string sites = geosite(), ips = geoip();
  for (std::size_t n = 0; n < sites.size(); ++n) {
    const byte_string cut(sites.begin(), sites.begin() + static_cast<std::ptrdiff_t>(n));
    const auto list = read_geosite(cut, "google", {});
    CHECK_FALSE(list.mistake.empty());
    CHECK(list.entries.empty());
  }
  for (std::size_t n = 0; n < ips.size(); ++n)
    CHECK_FALSE(read_geoip(byte_string(ips.begin(), ips.begin() + static_cast<std::ptrdiff_t>(n)), "others")
                    .mistake.empty());
}

TEST_CASE("geo data: what is damaged", "[proxy][router]") {
  const auto site = [](const message& m) { return read_geosite(m.bytes(), "x", {}).mistake; };
  const auto ip = [](const message& m) { return read_geoip(m.bytes(), "x").mistake; };
  CHECK(site(geo_list_of("x", {geo_domain_of(4, "a")})) == "is damaged");
  CHECK(site(geo_list_of("x", {message().number(0xff, 1)})) == "is damaged");
  CHECK(ip(geo_list_of("x", {geo_block({1, 2, 3, 4}, 33)})) == "is damaged");
  CHECK(ip(geo_list_of("x", {geo_block({1, 2, 3}, 8)})) == "is damaged");
  CHECK(ip(geo_list_of("x", {geo_block(std::vector<std::uint8_t>(16, 1), 129)})) == "is damaged");
  CHECK(ip(geo_list_of("x", {message()})) == "is damaged");
  CHECK(ip(message().number(0x0a, 1).raw(proto_varint(std::uint64_t{1} << 60).bytes())) == "is damaged");
  CHECK(ip(message().number(0x0b, 1)) == "is damaged");               // a group
  CHECK(ip(message().number(0x00, 1).number(0, 1)) == "is damaged");  // field 0
  CHECK(ip(message().fill(11, 0xff)) == "is damaged");                // a number of more than 64 bits
  CHECK(ip(message()) == "has no list 'x'");
  // Unknown fields of all types are skipped.
  message unknown = message().raw(proto_field(9, 1u).bytes()).raw(proto_field(8, "text").bytes());
  unknown.number(9 << 3 | 1, 1).fill(8).number(9 << 3 | 5, 1).fill(4);
  CHECK(ip(unknown.raw(geo_list_of("X", {geo_block({1, 2, 3, 4}, 8)}).bytes())) == "");
}

TEST_CASE("geo data: random damage", "[proxy][router][property]") {
  std::mt19937 random(11);
  for (int i = 0; i < 5000; ++i) {
    byte_string sites = geosite(), ips = geoip();
    for (int n = 0; n < 3; ++n) {
      sites[random() % sites.size()] = static_cast<std::byte>(random());
      ips[random() % ips.size()] = static_cast<std::byte>(random());
    }
    const auto a = read_geosite(sites, "google", {"ads"});
    REQUIRE(a.entries.size() <= sites.size());
    REQUIRE(read_geoip(ips, "private").entries.size() <= ips.size());
  }
}
