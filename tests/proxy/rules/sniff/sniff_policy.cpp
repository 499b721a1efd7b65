// What becomes of what sniffers and FakeDNS found.
#include "catch.hpp"

#include "proxy/sniff/sniff_policy.hpp"

#include <stdexcept>
#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;

const destination real{network::tcp, "203.0.113.5", 443};
const destination fake_target{network::tcp, "198.18.0.7", 443};
const fake_dns::clue no_fake, known_fake{true, "fake.example"}, forgotten{true, ""};
const sniff_result nothing;

sniff_result sniffed(const std::string& protocol, const std::string& domain = "www.example.com") {
  return {sniff_status::found, protocol, domain, {}};
}

destination named(const std::string& host) { return {network::tcp, host, 443}; }

sniffing_options sniffing(bool route_only) {
  sniffing_options o;
  o.enabled = true;
  o.route_only = route_only;
  return o;
}

sniff_decision decided(const sniffing_options& o, const destination& d, const fake_dns::clue& fake,
                       const sniff_result& content) {
  geo_files none;
  return sniff_policy(o, none).decide(d, fake, content);
}

std::string sniffing_mistake(const sniffing_options& o) {
  geo_files none;
  try {
    sniff_policy p(o, none);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("sniffing: by default a sniffed name is for the rules alone (K4)", "[proxy][sniff]") {
  CHECK(sniffing_options().route_only);
  const auto d = decided(sniffing(true), real, no_fake, sniffed("tls"));
  CHECK(d == sniff_decision{"tls", {}, named("www.example.com")});
}

TEST_CASE("sniffing: otherwise it takes the place of the target", "[proxy][sniff]") {
  CHECK(decided(sniffing(false), real, no_fake, sniffed("tls")) ==
        sniff_decision{"tls", named("www.example.com"), {}});
  CHECK(decided(sniffing(false), real, no_fake, sniffed("http1", "192.0.2.9")).target->host ==
        address("192.0.2.9"));
}

TEST_CASE("sniffing: without a result there is no decision", "[proxy][sniff]") {
  for (const bool route_only : {true, false}) {
    CHECK(decided(sniffing(route_only), real, no_fake, nothing) == sniff_decision());
    CHECK(decided(sniffing(route_only), fake_target, forgotten, nothing) == sniff_decision());
    CHECK(decided(sniffing(route_only), real, no_fake, {sniff_status::need_more, {}, {}, {}}) ==
          sniff_decision());
  }
  CHECK(decided(sniffing_options(), real, known_fake, sniffed("tls")) == sniff_decision());  // not enabled
}

TEST_CASE("sniffing: the protocol counts even where nothing is overridden", "[proxy][sniff]") {
  sniffing_options o = sniffing(false);
  o.dest_override = {"quic"};
  CHECK(decided(o, real, no_fake, sniffed("tls")) == sniff_decision{"tls", {}, {}});
  CHECK(decided(sniffing(false), real, no_fake, sniffed("bittorrent", "")) ==
        sniff_decision{"bittorrent", {}, {}});
  CHECK(decided(sniffing(false), real, no_fake, sniffed("tls", "")) == sniff_decision{"tls", {}, {}});
}

TEST_CASE("sniffing: protocols and what stands for them", "[proxy][sniff]") {
  const auto overrides = [](const char* listed, const char* found) {
    sniffing_options o = sniffing(false);
    o.dest_override = {listed};
    return decided(o, real, no_fake, sniffed(found)).target.has_value();
  };
  CHECK(overrides("http", "http1"));
  CHECK(overrides("tls", "tls"));
  CHECK(overrides("https", "tls"));
  CHECK(overrides("ssl", "tls"));
  CHECK(overrides("quic", "quic"));
  CHECK_FALSE(overrides("http", "tls"));
  CHECK_FALSE(overrides("https", "http1"));
  CHECK_FALSE(overrides("fakedns", "tls"));
}

TEST_CASE("sniffing: FakeDNS names the target", "[proxy][sniff]") {
  for (const bool route_only : {true, false}) {
    const sniffing_options o = sniffing(route_only);
    CHECK(decided(o, fake_target, known_fake, nothing) ==
          sniff_decision{"fakedns", named("fake.example"), {}});
    // With content: the protocol is the content's, the name is that of FakeDNS.
    CHECK(decided(o, fake_target, known_fake, sniffed("tls")) ==
          sniff_decision{"tls", named("fake.example"), {}});
    CHECK(decided(o, fake_target, known_fake, sniffed("bittorrent", "")) ==
          sniff_decision{"bittorrent", named("fake.example"), {}});
  }
  sniffing_options without = sniffing(false);
  without.dest_override = {"tls"};
  CHECK(decided(without, fake_target, known_fake, sniffed("tls")) == sniff_decision{"tls", {}, {}});
}

TEST_CASE("sniffing: content can have the name that FakeDNS has forgotten", "[proxy][sniff]") {
  for (const char* listed : {"fakedns", "fakedns+others"}) {
    sniffing_options o = sniffing(true);
    o.dest_override = {listed};
    CHECK(decided(o, fake_target, forgotten, sniffed("tls")) ==
          sniff_decision{"tls", named("www.example.com"), {}});
    CHECK(decided(o, fake_target, forgotten, sniffed("bittorrent")) == sniff_decision{"bittorrent", {}, {}});
    CHECK(decided(o, real, no_fake, sniffed("tls")) == sniff_decision{"tls", {}, {}});
  }
}

TEST_CASE("sniffing: exclusions", "[proxy][sniff]") {
  sniffing_options o = sniffing(false);
  o.domains_excluded = {"courier", "full:one.example.com", "regexp:^r[0-9]\\."};
  for (const char* name : {"a.courier.push.example", "one.example.com", "r1.example.com"})
    CHECK(decided(o, real, no_fake, sniffed("tls", name)) == sniff_decision{"tls", {}, {}});
  CHECK(decided(o, real, no_fake, sniffed("tls", "two.one.example.com")).target);
  // An address of FakeDNS leads nowhere by itself.
  CHECK(decided(o, fake_target, {true, "courier.example"}, nothing) ==
        sniff_decision{"fakedns", named("courier.example"), {}});
  CHECK(decided(o, fake_target, forgotten, sniffed("tls", "courier.example")).target);
  o = sniffing(false);
  o.ips_excluded = {"203.0.113.0/24", "198.18.0.0/15"};
  CHECK(decided(o, real, no_fake, sniffed("tls")) == sniff_decision{"tls", {}, {}});
  CHECK(decided(o, {network::tcp, "::ffff:203.0.113.9", 443}, no_fake, sniffed("tls")) ==
        sniff_decision{"tls", {}, {}});
  CHECK(decided(o, named("some.example"), no_fake, sniffed("tls")).target);
  CHECK(decided(o, fake_target, known_fake, nothing) == sniff_decision{"fakedns", named("fake.example"), {}});
}

TEST_CASE("sniffing: connections whose content is waited for", "[proxy][sniff]") {
  geo_files none;
  sniffing_options o;
  CHECK_FALSE(sniff_policy(o, none).reads_content(real, false));
  o.enabled = true;
  CHECK(sniff_policy(o, none).reads_content(real, false));
  o.ports_excluded = "25,440-450";
  CHECK_FALSE(sniff_policy(o, none).reads_content(real, false));
  CHECK(sniff_policy(o, none).reads_content({network::tcp, "203.0.113.5", 80}, false));
  o.metadata_only = true;
  CHECK_FALSE(sniff_policy(o, none).reads_content({network::tcp, "203.0.113.5", 80}, false));
  CHECK(o.timeout == std::chrono::milliseconds(300));
}

TEST_CASE("sniffing: no wait for content that has no use", "[proxy][sniff]") {
  geo_files none;
  const auto reads = [&none](std::vector<std::string> listed, bool for_rules) {
    sniffing_options o = sniffing(true);
    o.dest_override = std::move(listed);
    return sniff_policy(o, none).reads_content(real, for_rules);
  };
  CHECK_FALSE(reads({"fakedns"}, false));
  CHECK_FALSE(reads({}, false));
  for (const char* listed : {"http", "tls", "https", "ssl", "quic", "fakedns+others"}) {
    CHECK(reads({listed}, false));
    CHECK(reads({"fakedns", listed}, false));
  }
  CHECK(reads({"fakedns"}, true));
  CHECK(reads({}, true));
}

TEST_CASE("sniffing: mistakes are reported in one sentence", "[proxy][sniff]") {
  const auto mistake = [](auto change) {
    sniffing_options o = sniffing(true);
    change(o);
    return sniffing_mistake(o);
  };
  CHECK(mistake([](auto&) {}) == "");
  CHECK(mistake([](auto& o) {
          o.dest_override = {"tls", "smtp"};
        }) ==
        "dest_override[1] is 'smtp', it must be one of http, tls, https, ssl, quic, fakedns, fakedns+others");
  CHECK(mistake([](auto& o) { o.domains_excluded = {"regexp:("}; }) ==
        "domains_excluded[0] is 'regexp:(', it must be a regular expression in RE2's syntax: missing ): (");
  CHECK(mistake([](auto& o) { o.domains_excluded = {"geosite:cn"}; }) ==
        "domains_excluded[0] is 'geosite:cn', and there is no file geosite.dat");
  CHECK(mistake([](auto& o) {
          o.ips_excluded = {"10.0.0.0/40"};
        }).starts_with("ips_excluded[0] is '10.0.0.0/40', it must be"));
  CHECK(
      mistake([](auto& o) { o.ports_excluded = "x"; }) ==
      "ports_excluded is 'x', it must be a list of ports and ranges of 0 to 65535, such as 53,443,1000-2000");
  CHECK(mistake([](auto& o) { o.timeout = std::chrono::hours(1); }) ==
        "timeout (s) is 3600, it must be 0.001 to 10");
}
