// Patterns for names: what matches, what is refused, and that many are distinguished.
#include "catch.hpp"

#include "proxy/routing/domain_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace muxpro::proxy;
using values = std::vector<std::uint32_t>;

struct named_pattern {
  domain_kind kind;
  std::string text;
};

domain_index index_of(const std::vector<named_pattern>& patterns) {
  domain_index index;
  for (std::size_t i = 0; i < patterns.size(); ++i)
    REQUIRE(index.add(patterns[i].kind, patterns[i].text, static_cast<std::uint32_t>(i)) == "");
  REQUIRE(index.finish() == "");
  return index;
}

bool is_below(const std::string& name, const std::string& domain) {
  return name == domain || name.ends_with('.' + domain);
}

bool matches(const named_pattern& p, const std::string& name) {
  switch (p.kind) {
    case domain_kind::full: return name == p.text;
    case domain_kind::domain: return is_below(name, p.text);
    case domain_kind::keyword: return name.find(p.text) != std::string::npos;
    case domain_kind::regexp:
      return name.find(p.text) != std::string::npos;  // only texts without special signs
  }
  return false;
}

std::string random_name(std::mt19937& random, std::size_t labels) {
  std::string name;
  for (std::size_t i = 0; i < labels; ++i) {
    if (i != 0) name += '.';
    for (std::size_t n = 1 + random() % 3; n > 0; --n) name += static_cast<char>('a' + random() % 2);
  }
  return name;
}

}  // namespace

TEST_CASE("domain_index: kinds of patterns", "[proxy][router]") {
  const domain_index index = index_of({{domain_kind::full, "Example.com"},
                                       {domain_kind::domain, "example.com."},
                                       {domain_kind::keyword, "Ample"},
                                       {domain_kind::regexp, "^www[0-9]+\\.example\\.(com|net)$"},
                                       {domain_kind::domain, "com"}});
  CHECK(index.find("example.com") == values{0, 1, 2, 4});
  CHECK(index.find("www.example.com") == values{1, 2, 4});
  CHECK(index.find("www12.example.com") == values{1, 2, 3, 4});
  CHECK(index.find("www12.example.net") == values{2, 3});
  CHECK(index.find("anexample.com") == values{2, 4});
  CHECK(index.find("com") == values{4});
  CHECK(index.find("com.net").empty());
  CHECK(index.find("").empty());
  CHECK(index.find(std::string(254, 'a')).empty());
}

TEST_CASE("domain_index: invalid names do no harm", "[proxy][router]") {
  const domain_index index = index_of({{domain_kind::domain, "com"}, {domain_kind::keyword, "b"}});
  for (const char* name : {".", "..", ".com", "com.", "a..com", "...com", "\xff\xfe", "b\n"})
    index.find(name);
  CHECK(index.find(".com") == values{0});
}

TEST_CASE("domain_index: patterns that cannot be", "[proxy][router]") {
  domain_index index;
  const auto mistake = [&index](domain_kind k, const std::string& text) { return index.add(k, text, 1); };
  for (const char* bad : {"", ".", "a b", "1.2.3.4", "*.example.com", ".example.com", "a/b"}) {
    INFO(bad);
    CHECK(mistake(domain_kind::full, bad) == "it must be a domain name of letters, digits, '-', '_' and '.'");
    CHECK(mistake(domain_kind::domain, bad) != "");
  }
  for (const char* bad : {"", "a b", "a*", "\xc3\xbc"})
    CHECK(mistake(domain_kind::keyword, bad) == "it must be 1 to 253 letters, digits, '-', '_' and '.'");
  CHECK(mistake(domain_kind::keyword, std::string(254, 'a')) != "");
  CHECK(mistake(domain_kind::regexp, "(") == "it must be a regular expression in RE2's syntax: missing ): (");
  CHECK(mistake(domain_kind::regexp, "(a)\\1") != "");  // a back reference has no linear time
  CHECK(mistake(domain_kind::regexp, std::string(1025, 'a')) ==
        "it must be a regular expression in RE2's syntax: it has 1025 bytes, at most 1024 are allowed");
  CHECK(mistake(domain_kind::regexp, "((((a{1,100}){1,100}){1,100}){1,100})") != "");
  CHECK(index.finish() == "");
  CHECK(index.find("a").empty());
}

TEST_CASE("domain_index: agrees with a search from end to end", "[proxy][router][property]") {
  std::mt19937 random(10);
  for (int round = 0; round < 40; ++round) {
    std::vector<named_pattern> patterns;
    for (std::size_t i = 0; i < 40; ++i)
      patterns.push_back({static_cast<domain_kind>(random() % 3), random_name(random, 1 + random() % 3)});
    for (std::size_t i = 0; i < 5; ++i) patterns.push_back({domain_kind::regexp, random_name(random, 1)});
    const domain_index index = index_of(patterns);
    for (int i = 0; i < 200; ++i) {
      const std::string name = random_name(random, 1 + random() % 4);
      values expected;
      for (std::size_t n = 0; n < patterns.size(); ++n)
        if (matches(patterns[n], name)) expected.push_back(static_cast<std::uint32_t>(n));
      INFO(name);
      REQUIRE(index.find(name) == expected);
    }
  }
}

TEST_CASE("domain_index: keywords that overlap", "[proxy][router]") {
  const domain_index index = index_of({{domain_kind::keyword, "he"},
                                       {domain_kind::keyword, "she"},
                                       {domain_kind::keyword, "his"},
                                       {domain_kind::keyword, "hers"},
                                       {domain_kind::keyword, "e"},
                                       {domain_kind::keyword, "shea"}});
  CHECK(index.find("ushers") == values{0, 1, 3, 4});
  CHECK(index.find("shis") == values{2});
  CHECK(index.find("ssshea") == values{0, 1, 4, 5});
}

TEST_CASE("domain_index: expensive expressions do not slow others", "[proxy][router]") {
  const domain_index index = index_of({{domain_kind::regexp, "^(a+)+$"},
                                       {domain_kind::regexp, "(a|aa)+$"},
                                       {domain_kind::regexp, "(.*)*b(.*)*c"},
                                       {domain_kind::regexp, "^(([a-z])+.)+[A-Z]([a-z])+$"}});
  // A backtracking matcher takes longer than the universe lasts.
  for (int i = 0; i < 1000; ++i) {
    CHECK(index.find(std::string(252, 'a') + 'x').empty());
    CHECK(index.find(std::string(253, 'a')) == values{0, 1});
  }
}

TEST_CASE("domain_index: each of 100,000 patterns is found", "[proxy][router]") {
  domain_index index;
  for (std::uint32_t i = 0; i < 100000; ++i)
    REQUIRE(index.add(i % 2 ? domain_kind::domain : domain_kind::full, fmt::format("host-{}.example.com", i),
                      i) == "");
  for (std::uint32_t i = 0; i < 20000; ++i)
    REQUIRE(index.add(domain_kind::keyword, fmt::format("{}-word", i), 200000 + i) == "");
  for (std::uint32_t i = 0; i < 500; ++i)
    REQUIRE(index.add(domain_kind::regexp, fmt::format("^a{}[0-9]+\\.example\\.net$", i), 300000 + i) == "");
  REQUIRE(index.finish() == "");
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const std::string name = fmt::format("host-{}.example.com", i);
    const bool found = index.find(name) == values{i};
    if (!found) FAIL(name);
  }
  CHECK(index.find("a.b.host-7.example.com") == values{7});
  CHECK(index.find("a.b.host-8.example.com").empty());
  CHECK(index.find("a4990.example.net") == values{300004, 300049, 300499});
}
