// Several files as one, and where a value stands in its text.
#include "catch.hpp"

#include "proxy/config/merge.hpp"
#include "proxy/config/position.hpp"

#include <muxpro/proxy/config.hpp>

#include <string>
#include <string_view>

namespace config_merge {

using namespace muxpro::proxy;

setting tree(std::string_view text) {
  config_mistakes mistakes;
  auto root = parse_json(text, mistakes);
  REQUIRE(root);
  return std::move(*root);
}

bool merges(std::string_view first, std::string_view later, std::string_view both, bool tail = false) {
  const setting out = merged(tree(first), tree(later), tail);
  INFO(json_text(out));
  return out == tree(both);
}

TEST_CASE("config: files are merged by the tags of their inbounds and outbounds", "[proxy][config]") {
  CHECK(merges(R"({"log": {"a": 1}, "dns": {}})", R"({"log": {"b": 2}})", R"({"log": {"b": 2}, "dns": {}})"));
  CHECK(merges(R"({"log": {"a": 1}})", R"({"log": null})", R"({"log": {"a": 1}})"));
  CHECK(merges(R"({"inbounds": [{"tag": "a"}, {"tag": "b", "x": 1}]})",
               R"({"inbounds": [{"tag": "b"}, {"tag": "c"}]})",
               R"({"inbounds": [{"tag": "a"}, {"tag": "b"}, {"tag": "c"}]})"));
  CHECK(merges(R"({"outbounds": [{"tag": "a"}]})", R"({"outbounds": [{"tag": "b"}, {"tag": "c"}]})",
               R"({"outbounds": [{"tag": "b"}, {"tag": "c"}, {"tag": "a"}]})"));
  CHECK(merges(R"({"outbounds": [{"tag": "a"}]})", R"({"outbounds": [{"tag": "b"}]})",
               R"({"outbounds": [{"tag": "a"}, {"tag": "b"}]})", true));
  CHECK(merges(R"({"outbounds": [{}]})", R"({"outbounds": [{}]})", R"({"outbounds": [{}, {}]})"));
  CHECK(merges(R"({"inbounds": 1})", R"({"inbounds": [{}]})", R"({"inbounds": [{}]})"));
  CHECK(is_tail("05_Tail_outbounds.json"));
  CHECK_FALSE(is_tail("05_outbounds.json"));
}

TEST_CASE("config: a merged file is JSON that means the same", "[proxy][config]") {
  for (const char* text :
       {R"({"a": [1, 2.5, true, null, "x\"\u00e9"], "b": {"c": -7}})", "[]", "\"\"", "1e300"}) {
    const setting s = tree(text);
    CHECK(tree(json_text(s)) == s);
  }
}

TEST_CASE("config: the position of a path", "[proxy][config]") {
  constexpr std::string_view text = R"({ // a
  "inbounds": [
    {"tag": "in", "port": 1},
    {"tag": "s\"2", "settings": {"x": [1, {"y": "}"}], "z.z": 2}}  /* {"port": 9} */
  ],
  "log": {}
})";
  const auto at = [&](std::string_view path) {
    const text_position p = position_of(text, path);
    return std::pair(p.line, p.column);
  };
  using place = std::pair<std::size_t, std::size_t>;
  CHECK(at("") == place(0, 0));
  CHECK(at("inbounds") == place(2, 3));
  CHECK(at("inbounds[0]") == place(3, 5));
  CHECK(at("inbounds[0].port") == place(3, 19));
  CHECK(at("inbounds[1].settings.x[1].y") == place(4, 44));
  CHECK(at("inbounds[1].settings.z.z") == place(4, 56));
  CHECK(at("inbounds[1].missing") == place(4, 5));
  CHECK(at("log.loglevel") == place(6, 3));
  CHECK(at("nothing") == place(1, 1));
  CHECK(at("inbounds[9]").first > 0);
  const setting root = tree(text);
  CHECK(tag_at(root, "inbounds[1].settings.x") == "s\"2");
  CHECK(tag_at(root, "inbounds[7]").empty());
  CHECK(tag_at(root, "log.x").empty());
}

TEST_CASE("config: a position is found in any text that the parser takes", "[proxy][config]") {
  // Cut anywhere, such texts end the search instead of the program.
  const std::string text = R"({"a": [{"b": "\\"}, [[], {}], "]"], "c": {"d": {"e": [1, 2, 3]}}})";
  for (std::size_t size = 0; size <= text.size(); ++size)
    for (const char* path : {"a[0].b", "a[1][1]", "a[2]", "c.d.e[2]", "c.d.e[9].f"}) {
      const text_position p = position_of(text.substr(0, size), path);
      CHECK(p.line == 1);
      CHECK(p.column <= size + 1);
    }
}

}  // namespace config_merge
