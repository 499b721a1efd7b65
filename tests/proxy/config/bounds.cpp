// Configurations of strangers: reading any of them ends with a readable result.
#include "catch.hpp"
#include "config_text.hpp"

#include <functional>
#include <string>
#include <vector>

namespace {

using namespace muxpro::proxy;
using test::read_text;

/// Every value of `root`, one after the other.
void each_value(setting& root, const std::function<void(setting&)>& visit) {
  visit(root);
  if (auto* l = std::get_if<setting::list>(&root.is))
    for (setting& s : *l) each_value(s, visit);
  else if (auto* o = std::get_if<setting::object>(&root.is))
    for (auto& [key, s] : *o) each_value(s, visit);
}

}  // namespace

TEST_CASE("config: any value in any place gives mistakes, and no exception", "[proxy][config]") {
  config_mistakes none;
  setting root = *parse_json(test::everything, none);
  const registry& known = registry::global();
  std::vector<setting> instead;
  instead.emplace_back();
  instead.emplace_back(true);
  instead.emplace_back(-1e300);
  instead.emplace_back(0.5);
  instead.emplace_back(std::string());
  instead.emplace_back(std::string(100'000, '\xff'));
  instead.emplace_back(setting::list(3));
  instead.emplace_back(setting::object{{"", setting()}});
  std::size_t places = 0;
  each_value(root, [&](setting& place) {
    ++places;
    setting before = std::move(place);
    for (const setting& other : instead) {
      place = other;
      config_mistakes mistakes;
      geo_files geo;
      read_config(root, known, geo, mistakes);
      for (const config_mistake& m : mistakes.all()) {
        REQUIRE_FALSE(m.sentence.empty());
        REQUIRE(m.path.size() + m.sentence.size() < 1000);
      }
    }
    place = std::move(before);
  });
  CHECK(places > 100);
}

TEST_CASE("config: a text that is cut anywhere is no configuration", "[proxy][config]") {
  for (std::size_t n = 0; n < test::everything.size() - 1; ++n)
    REQUIRE_FALSE(read_text(test::everything.substr(0, n)).mistakes.empty());
}

TEST_CASE("config: lists have an end", "[proxy][config]") {
  std::string inbounds = "{}";
  for (int i = 0; i < 1024; ++i) inbounds += ",{}";
  CHECK(read_text(R"({"outbounds": [{"protocol": "freedom"}], "inbounds": [)" + inbounds + "]}").all() ==
        "inbounds: has 1025 objects; it may have at most 1024\n");
}

TEST_CASE("config: of endless mistakes some are reported, at once", "[proxy][config]") {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += "\"inbound" + std::to_string(i) + "\":0,";
  const read_text r(text + R"("outbounds": []})");
  CHECK(r.mistakes.count() > 200'000);
  CHECK(r.mistakes.all().size() == config_mistakes::most);
}
