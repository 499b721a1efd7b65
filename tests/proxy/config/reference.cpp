// The reference of the configuration lists what read_config() accepts: keys, types, choices and defaults.
// Each is compared with the messages about an unknown key, a value of a wrong type and an unknown choice.
#include "catch.hpp"
#include "config_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The files of a unity build share their anonymous namespace.
namespace reference_of_config {

using namespace muxpro::proxy;
using members = std::map<std::string, std::string>;  // names to JSON
using section = config_reference::section;

const config_reference& reference() {
  static const config_reference all = describe_config(registry::global());
  return all;
}

std::string json_of(const members& all) {
  std::string out;
  for (const auto& [name, value] : all)
    out += fmt::format("{}\"{}\": {}", out.empty() ? "" : ", ", name, value);
  return "{" + out + "}";
}

/// What an object has besides the members that a test gives it, so that the readers get there.
struct surroundings {
  std::string protocol, security = "none", network = "tcp";

  void add(std::string_view object, const section& s, members& to) const {
    if (object == "inbounds[]" || object == "outbounds[]")
      to.emplace("protocol", fmt::format("\"{}\"", s.variant.empty() ? protocol : s.variant));
    if (!object.ends_with("streamSettings")) return;
    to.emplace("security", fmt::format("\"{}\"", security));
    to.emplace("network", fmt::format("\"{}\"", network));
  }
};

/// A configuration whose object at `s` has `inner`.
std::string with(const section& s, const surroundings& around, members inner) {
  std::string object = s.object;
  while (!object.empty()) {
    around.add(object, s, inner);
    const auto dot = object.rfind('.');
    std::string name = object.substr(dot == std::string::npos ? 0 : dot + 1);
    const bool list = name.ends_with("[]");
    if (list) name.resize(name.size() - 2);
    inner = {{name, list ? "[" + json_of(inner) + "]" : json_of(inner)}};
    object.resize(dot == std::string::npos ? 0 : dot);
  }
  return json_of(inner);
}

std::string path_in(const section& s, const std::string& key) {
  std::string out = s.object;
  for (auto at = out.find("[]"); at != std::string::npos; at = out.find("[]")) out.replace(at, 2, "[0]");
  return out.empty() ? key : out + "." + key;
}

/// The sentences about a key.
std::vector<std::string> mistakes_about(const std::string& text, const std::string& path) {
  const test::read_text r(text);
  std::vector<std::string> out;
  for (const config_mistake& m : r.mistakes.all()) {
    REQUIRE_FALSE(m.path.empty());  // it is JSON
    if (m.path == path) out.push_back(m.sentence);
  }
  return out;
}

std::vector<surroundings> all_surroundings() {
  std::vector<surroundings> out;
  for (const char* protocol : {"socks", "mux.pro"})
    for (const auto& [security, network] :
         std::initializer_list<std::pair<const char*, const char*>>{{"none", "tcp"},
                                                                    {"tls", "tcp"},
                                                                    {"reality", "tcp"},
                                                                    {"none", "unix"},
                                                                    {"none", "ws"},
                                                                    {"none", "httpupgrade"},
                                                                    {"none", "grpc"},
                                                                    {"none", "xhttp"}})
      out.push_back({protocol, security, network});
  return out;
}

/// "there is no such key; there may be a, b"
std::set<std::string> keys_in(std::string_view sentence) {
  std::set<std::string> out;
  if (sentence == "there is no such key") return out;  // an object without keys
  constexpr std::string_view begin = "there may be ";
  const auto at = sentence.find(begin);
  REQUIRE(at != std::string_view::npos);
  for (sentence.remove_prefix(at + begin.size()); !sentence.empty();) {
    const auto comma = std::min(sentence.find(", "), sentence.size());
    out.emplace(sentence.substr(0, comma));
    sentence.remove_prefix(std::min(comma + 2, sentence.size()));
  }
  return out;
}

TEST_CASE("config: the reference has the keys that the readers accept, and no others",
          "[proxy][config][reference]") {
  const std::string unknown(30, 'q');
  REQUIRE(reference().sections.size() > 30);
  for (const section& s : reference().sections) {
    std::set<std::string> accepted, listed;
    for (const surroundings& around : all_surroundings())
      for (const std::string& m : mistakes_about(with(s, around, {{unknown, "1"}}), path_in(s, unknown)))
        accepted.merge(keys_in(m));
    for (const auto& k : s.keys) listed.insert(k.name);
    INFO(s.object << " " << s.variant);
    if (!s.keys.empty()) CHECK(accepted == listed);
  }
}

TEST_CASE("config: the types in the reference are those in the messages", "[proxy][config][reference]") {
  std::size_t compared = 0;
  for (const section& s : reference().sections)
    for (const auto& k : s.keys) {
      const bool choice = k.type.starts_with("one of ");
      if (k.type.starts_with("an object") || k.type.starts_with("a list") || k.type.starts_with("the same"))
        continue;
      std::set<std::string> sentences;
      for (const surroundings& around : all_surroundings())
        for (const std::string& m : mistakes_about(
                 with(s, around, {{k.name, choice ? "\"qqqqqqqqqq\"" : "{}"}}), path_in(s, k.name)))
          sentences.insert(m);
      INFO(s.object << " " << s.variant << " " << k.name << ": "
                    << fmt::format("{}", fmt::join(sentences, " | ")));
      const bool single = k.fallback == k.type;  // a choice of one
      const std::string type = single ? "a text" : k.type;
      CHECK(std::any_of(sentences.begin(), sentences.end(),
                        [&](const std::string& m) { return m.ends_with("must be " + type); }));
      ++compared;
    }
  CHECK(compared > 80);
}

TEST_CASE("config: the readers accept the defaults in the reference", "[proxy][config][reference]") {
  std::size_t defaults = 0;
  for (const section& s : reference().sections)
    for (const auto& k : s.keys) {
      if (k.fallback.empty()) continue;
      const bool plain = k.type.starts_with("one of ") || k.fallback == k.type;
      const std::string value = plain ? fmt::format("\"{}\"", k.fallback) : k.fallback;
      std::vector<std::string> wrong;
      for (const surroundings& around : all_surroundings()) {
        members inner{{k.name, value}};
        if (k.name == "metadataOnly") inner.emplace("enabled", "true");
        for (const std::string& m : mistakes_about(with(s, around, inner), path_in(s, k.name)))
          wrong.push_back(m);
      }
      INFO(s.object << " " << s.variant << " " << k.name << " " << value << ": "
                    << fmt::format("{}", fmt::join(wrong, " | ")));
      CHECK(wrong.size() < all_surroundings().size());
      ++defaults;
    }
  CHECK(defaults > 40);
}

TEST_CASE("config: each key in the reference has a type and a meaning", "[proxy][config][reference]") {
  for (const section& s : reference().sections)
    for (const auto& k : s.keys) {
      INFO(s.object << " " << s.variant << " " << k.name);
      CHECK_FALSE(k.type.empty());
      CHECK(k.meaning.ends_with('.'));
    }
}

std::vector<std::string> objects_below(std::string_view path) {
  std::vector<std::string> out;
  for (const section& s : reference().below(path).sections) out.push_back(s.object + s.variant);
  return out;
}

TEST_CASE("config: a path names a part of the reference", "[proxy][config][reference]") {
  using strings = std::vector<std::string>;
  CHECK(objects_below("").size() == reference().sections.size());
  CHECK(objects_below("log.loglevel") == strings{"log"});
  CHECK(objects_below("LOG.loglevel") == strings{"log"});
  CHECK(objects_below("inbounds[3].port") == strings{"inbounds[]"});
  CHECK(objects_below("inbounds.socks") ==
        strings{"inbounds[].settingssocks", "inbounds[].settings.accounts[]socks"});
  CHECK(objects_below("inbounds.socks.accounts[1].user") == strings{"inbounds[].settings.accounts[]socks"});
  CHECK(objects_below("inbounds.udp").empty());
  CHECK(objects_below("inbounds[0].settings.followRedirect") == strings{"inbounds[].settingsdokodemo-door"});
  CHECK(objects_below("outbounds.mux.pro.address") == strings{"outbounds[].settingsmux.pro"});
  CHECK(objects_below("outbounds.mux.priority") == strings{"outbounds[].mux"});
  CHECK(objects_below("policy.levels.7.connIdle").empty());
  CHECK(objects_below("policy.levels.0.connIdle") == strings{"policy.levels.0"});
  CHECK(objects_below("policy.levels.connIdle") == strings{"policy.levels.0"});
  CHECK(reference().below("routing.rules.port").sections.at(0).keys.size() == 1);
  for (const char* path :
       {"log.", ".", "lo", "logs", "log[", "log.loglevel.x", "inbounds.socks.nothing", "[0]"}) {
    INFO(path);
    CHECK(objects_below(path).empty() ==
          (std::string_view(path) != "log." && std::string_view(path) != "log["));
  }
}

TEST_CASE("config: an unknown path has a suggestion if one is like it", "[proxy][config][reference]") {
  CHECK(reference().closest_match("inbound.socks") == "inbounds.socks");
  CHECK(reference().closest_match("routing.rule") == "routing.rules");
  CHECK(reference().closest_match("routeOnly") == "inbounds.sniffing.routeOnly");
  CHECK(reference().closest_match("outbounds.mux.pro.adress") == "outbounds.mux.pro.address");
  CHECK(reference().closest_match("xxxxxxxxxxxxxxxxxxxx").empty());
  CHECK(reference().closest_match("").empty());
}

}  // namespace reference_of_config
