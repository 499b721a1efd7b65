// Lists in files, for rules inside of outbounds; and times and files that a configuration names.
#include "catch.hpp"

#include "geo_message.hpp"
#include "proxy/config/config.hpp"
#include "proxy/config/go_duration.hpp"
#include "proxy/outbound/freedom.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <any>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace config_lists {

using namespace muxpro::proxy;
using namespace rules_test;
using namespace std::chrono_literals;

/// A configuration with one outbound, read with a list of names and one of addresses.
struct with_lists {
  explicit with_lists(const std::string& outbound) {
    geo_files lists;
    lists.add("geosite.dat", geo_list_of("ADS", {geo_domain_of(2, "ads.example")}).bytes());
    lists.add("geoip.dat", geo_list_of("CN", {geo_block({1, 2, 0, 0}, 16)}).bytes());
    const auto root = parse_json(R"({"inbounds": [{"protocol": "socks", "listen": "::1", "port": 1}],
        "outbounds": [)" + outbound + "]}",
                                 mistakes);
    c = read_config(*root, registry::global(), lists, mistakes);
  }
  std::string first() const {
    return mistakes.empty() ? std::string() : mistakes.all()[0].path + ": " + mistakes.all()[0].sentence;
  }

  config_mistakes mistakes;
  config c;
};

TEST_CASE("config: rules of a dns outbound name lists", "[proxy][config]") {
  const auto domain = [](const std::string& text) {
    return with_lists(
               R"({"protocol": "dns", "settings": {"rules": [{"action": "return", "rCode": 3, "domain": [")" +
               text + R"("]}]}})")
        .first();
  };
  CHECK(domain("geosite:ads") == "");
  CHECK(domain("ext:geosite.dat:ads") == "");
  CHECK(domain("ext-domain:geosite.dat:ads") == "");
  CHECK(domain("geosite:none") ==
        "outbounds[0].settings.rules: has 'geosite:none', and geosite.dat has no list 'none'");
  CHECK(domain("ext:other.dat:ads") ==
        "outbounds[0].settings.rules: has 'ext:other.dat:ads', and there is no file other.dat");
  CHECK(domain("regexp:(").starts_with("outbounds[0].settings.rules: has 'regexp:('"));
}

TEST_CASE("config: final rules of freedom name lists", "[proxy][config]") {
  const auto ip = [](const std::string& text) {
    return with_lists(R"({"protocol": "freedom", "settings": {"finalRules": [{"action": "allow", "port": 1},
        {"action": "block", "ip": [")" +
                      text + R"("]}]}})");
  };
  const with_lists r = ip("geoip:cn");
  CHECK(r.first() == "");
  const auto& o = std::any_cast<const freedom_options&>(r.c.outbounds.at(0).plan.options);
  REQUIRE(o.dial.final);
  using muxpro::network;
  CHECK(o.dial.final->decide(network::tcp, asio::ip::make_address("1.2.3.4"), 80) == false);
  CHECK_FALSE(o.dial.final->decide(network::tcp, asio::ip::make_address("1.3.3.4"), 80));
  CHECK(ip("ext-ip:geoip.dat:cn").first() == "");
  CHECK(ip("geoip:none").first() ==
        "outbounds[0].settings.finalRules[1].ip: has 'geoip:none', and geoip.dat has no list 'none'");
  CHECK(ip("10").first().starts_with(
      "outbounds[0].settings.finalRules[1].ip: has '10', it must be an address"));
}

TEST_CASE("config: times as Go writes them", "[proxy][config]") {
  CHECK(parse_go_duration("10s") == 10s);
  CHECK(parse_go_duration("1m30s") == 90s);
  CHECK(parse_go_duration("1.5s") == 1500ms);
  CHECK(parse_go_duration("40000000ns") == 40ms);
  CHECK(parse_go_duration("0") == 0s);
  CHECK(parse_go_duration("2h") == 2h);
  for (const char* none :
       {"", "s", "10", "1s2", "-1s", "1d", "1..5s", "99999999h", ".5s", "1 s", "99999999999999999999s"})
    CHECK_FALSE(parse_go_duration(none));
  CHECK(go_duration_text(90s) == "1m30s");
  CHECK(go_duration_text(24h) == "24h");
  CHECK(go_duration_text(1500ms) == "1s500ms");
  CHECK(go_duration_text(0s) == "0s");
}

TEST_CASE("config: log files in folders that are not there yet", "[proxy][config]") {
  std::string name = (std::filesystem::temp_directory_path() / "muxpro_logs_XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  const std::filesystem::path folder = name;
  std::ofstream(folder / "file") << "x";
  const auto why = [&](const std::string& file) {
    config c;
    c.log.file = (folder / file).string();
    config_mistakes mistakes;
    check_files(c, mistakes);
    return mistakes.empty() ? std::string() : mistakes.all()[0].sentence;
  };
  CHECK(why("log") == "");
  CHECK(why("a/b/log") == "");
  CHECK_FALSE(std::filesystem::exists(folder / "a"));
  CHECK_THAT(why("file/log"), Catch::Matchers::ContainsSubstring("Not a directory"));
  CHECK_THAT(why(""), Catch::Matchers::ContainsSubstring("Is a directory"));
  std::filesystem::remove_all(folder);
}

}  // namespace config_lists
