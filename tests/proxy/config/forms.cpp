// Forms of a configuration that V2Ray and Xray take besides plain JSON: comments, trailing commas, null,
// names in other letters.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/inbound/mixed.hpp"
#include "proxy/outbound/freedom.hpp"

#include <string>
#include <string_view>

// The files of a unity build share their anonymous namespace.
namespace config_forms {

using namespace muxpro::proxy;
using namespace std::string_literals;
using test::options_of;
using test::read_text;

/// The tree that a text stands for, and why there is none.
struct parsed {
  explicit parsed(std::string_view text) : tree(parse_json(text, mistakes)) {
    if (!mistakes.empty()) why = mistakes.all().front().sentence;
  }
  config_mistakes mistakes;
  std::optional<setting> tree;
  std::string why;
};

bool same(std::string_view text, std::string_view plain) {
  const parsed a(text), b(plain);
  INFO(text << ": " << a.why << b.why);
  CHECK(a.tree);
  return a.tree && a.tree == b.tree;
}

constexpr std::string_view smallest =
    R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 1}], "outbounds": [{"protocol": "freedom"}])";
std::string told(const std::string& more) { return read_text(std::string(smallest) + more + "}").all(); }

TEST_CASE("config: comments of three kinds", "[proxy][config]") {
  CHECK(same("# one\n{\"a\": 1} # two", R"({"a": 1})"));
  CHECK(same("// one\n{/* two */\"a\"/*\n*/: 1}//three", R"({"a": 1})"));
  CHECK(same("#\r{}\r\n#", "{}"));
  CHECK(same("/**/{}/***/", "{}"));
  CHECK(same("#// /* \n{}", "{}"));
  CHECK(same("// # \n{} /* # // */", "{}"));
}

TEST_CASE("config: what looks like a comment or a comma inside a text is text", "[proxy][config]") {
  for (const char* text : {R"(["# no"])", R"(["// no"])", R"(["/* no */"])", R"([",]"])", R"(["\"# no"])",
                           R"(["\\", "#"])", R"({"a,}": ",}"})", R"(["http://host/#part"])"}) {
    const parsed p(text);
    INFO(text);
    REQUIRE(p.tree);
    CHECK(same(text + "\n# and a comment"s, text));
  }
  const parsed p(R"(["a # b // c /* d */ ,]"])");
  REQUIRE(p.tree);
  CHECK(std::get<std::string>(std::get<setting::list>(p.tree->is)[0].is) == "a # b // c /* d */ ,]");
}

TEST_CASE("config: a comma behind the last value", "[proxy][config]") {
  CHECK(same("[1,]", "[1]"));
  CHECK(same("{\"a\": [1, 2 , ] , }", "{\"a\": [1, 2]}"));
  CHECK(same("[{},[],\"x\",true,null,]", "[{},[],\"x\",true,null]"));
  CHECK(same("[1, # comment\n/* another */ ]", "[1]"));
  for (const char* text : {"[,]", "{,}", "[1,,]", "[,1]", "{\"a\":,}", "{\"a\",}", "[1],", ",", "[1,"}) {
    INFO(text);
    CHECK_FALSE(parsed(text).tree);
  }
}

TEST_CASE("config: the parser's line and column stay right behind comments", "[proxy][config]") {
  const auto place = [](std::string_view text) {
    const std::string why = parsed(text).why;
    return why.substr(0, why.find(": syntax"));
  };
  CHECK(place("[1 2]") == "is not JSON: parse error at line 1, column 4");
  CHECK(place("# x\n[1, /* y */ 2,] 3") == "is not JSON: parse error at line 2, column 17");
  CHECK(place("/* a\n b\n*/ [1,\n# c\n  tru]") == "is not JSON: parse error at line 5, column 6");
  CHECK(parsed("[1] /* never ends").why.find("missing closing") != std::string::npos);
  CHECK_FALSE(parsed("[1] /").tree);
  CHECK_FALSE(parsed("[\"never ends # ").tree);
}

TEST_CASE("config: comments without an end cost no more than others", "[proxy][config]") {
  std::string text;
  for (int i = 0; i < 500'000; ++i) text += "/*";
  CHECK_FALSE(parsed(text).tree);
  text.assign(1'000'000, ',');
  CHECK_FALSE(parsed("[" + text + "]").tree);
}

TEST_CASE("config: a zero byte does not end the text", "[proxy][config]") {
  CHECK(parsed("{}\0{"s).why == "has a zero byte at line 1, column 3; it must be text in UTF-8");
  CHECK(parsed("{\n # x\0\n}"s).why == "has a zero byte at line 2, column 5; it must be text in UTF-8");
  CHECK(parsed("[\"a\0b\"]"s).why == "has a zero byte at line 1, column 4; it must be text in UTF-8");
  CHECK(parsed("[]\0"s).why == "has a zero byte at line 1, column 3; it must be text in UTF-8");
  CHECK(parsed("\0"s).why == "has a zero byte at line 1, column 1; it must be text in UTF-8");
}

TEST_CASE("config: null is a key that is absent", "[proxy][config]") {
  for (const char* key : {"log", "stats", "policy", "dns", "routing", "metrics", "api", "fakedns", "fakeDns",
                          "reverse", "observatory"})
    CHECK(told(", \"" + std::string(key) + "\": null") == "");
  CHECK(
      told(
          R"(, "log": {"loglevel": null, "access": null}, "dns": {"hosts": {"a.example": null}, "servers": null},
    "policy": {"levels": {"0": null}, "system": null}, "routing": {"rules": null, "balancers": null})") ==
      "");
  const read_text r(R"({"inbounds": [{"tag": null, "protocol": "socks", "listen": "127.0.0.1", "port": 1,
    "settings": null, "streamSettings": null, "sniffing": null, "openToAll": null}],
    "outbounds": [{"protocol": "freedom", "settings": null, "mux": null, "streamSettings": null}],
    "routing": {"rules": [{"domain": null, "attrs": {":method": null}, "port": 5, "outboundTag": "freedom"}]}})");
  CHECK(r.all() == "");
  CHECK(r.c.inbounds.at(0).tag == "socks");
}

TEST_CASE("config: null where there must be a value", "[proxy][config]") {
  CHECK(read_text(R"({"inbounds": null, "outbounds": [{"protocol": null}]})").all() ==
        "inbounds: is missing; it must be a list of at least one object\n"
        "outbounds[0].protocol: is missing; it must be the name of a protocol\n");
  CHECK(told(R"(, "logg": null)") == "logg: there is no such key; did you mean 'log'?\n");
  CHECK(read_text(R"({"inbounds": [null], "outbounds": [{"protocol": "freedom"}]})").all() ==
        "inbounds[0]: is null; it must be an object\n");
  CHECK(parsed(R"({"a": null, "a": 1})").why == "the key 'a' occurs twice in one object");
}

TEST_CASE("config: values in other letters", "[proxy][config]") {
  const read_text r(R"({"log": {"loglevel": "Warning"},
    "inbounds": [{"protocol": "Socks", "listen": "127.0.0.1", "port": 1}],
    "outbounds": [{"protocol": "Freedom", "settings": {"domainStrategy": "useIpV4"}}],
    "routing": {"domainStrategy": "ipIfNonMatch", "domainMatcher": "MPH",
                "rules": [{"domainMatcher": "Linear", "network": "tcp", "outboundTag": "freedom"}]}})");
  CHECK(r.all() == "");
  CHECK(r.c.inbounds.at(0).protocol == "socks");
  CHECK(r.c.outbounds.at(0).tag == "freedom");
  CHECK(r.c.routing.strategy == domain_strategy::ip_if_non_match);
  CHECK(options_of<freedom_options>(r.c.outbounds.at(0)).dial.family == dial_family::ipv4);
}

TEST_CASE("config: domainMatcher stands in routing and in a rule", "[proxy][config]") {
  for (const char* name : {"linear", "mph", "hybrid"}) {
    CHECK(told(R"(, "routing": {"domainMatcher": ")"s + name + R"("})") == "");
    CHECK(told(R"(, "routing": {"rules": [{"domainMatcher": ")"s + name +
               R"(", "network": "tcp", "outboundTag": "freedom"}]})") == "");
  }
  CHECK(told(R"(, "routing": {"domainMatcher": "fast"})") ==
        "routing.domainMatcher: is 'fast'; it must be one of hybrid, linear, mph\n");
}

TEST_CASE("config: a rule names an inbound that there is", "[proxy][config]") {
  const auto with_tag = [](const std::string& tags) {
    return told(R"(, "routing": {"rules": [{"inboundTag": )" + tags + R"(, "outboundTag": "freedom"}]})");
  };
  CHECK(with_tag(R"("socks")") == "");
  CHECK(
      with_tag(R"(["socks", "sock"])") ==
      "routing.rules[0].inboundTag: has 'sock', which is not the tag of an inbound; did you mean 'socks'?\n");
  CHECK(
      with_tag(R"("qwertyuiop")") ==
      "routing.rules[0].inboundTag: has 'qwertyuiop', which is not the tag of an inbound; there are socks\n");
  CHECK(with_tag(R"("Socks")") ==
        "routing.rules[0].inboundTag: has 'Socks', which is not the tag of an inbound; did you mean "
        "'socks'?\n");
}

TEST_CASE("config: the address for UDP clients in the reply of a SOCKS inbound", "[proxy][config]") {
  const auto with_ip = [](const std::string& protocol, const std::string& ip) {
    return read_text(R"({"inbounds": [{"protocol": ")" + protocol +
                     R"(", "listen": "127.0.0.1", "port": 1, "settings": {"udp": true, "ip": )" + ip +
                     R"(}}], "outbounds": [{"protocol": "freedom"}]})");
  };
  const read_text socks = with_ip("socks", R"("192.0.2.7")"), mixed = with_ip("mixed", R"("2001:db8::7")");
  CHECK(socks.all() + mixed.all() == "");
  CHECK(options_of<mixed_inbound_options>(socks.c.inbounds.at(0)).udp_address ==
        asio::ip::make_address("192.0.2.7"));
  CHECK(options_of<mixed_inbound_options>(mixed.c.inbounds.at(0)).udp_address ==
        asio::ip::make_address("2001:db8::7"));
  const read_text any = with_ip("socks", R"("0.0.0.0")");
  CHECK(any.all() == "");
  CHECK_FALSE(options_of<mixed_inbound_options>(any.c.inbounds.at(0)).udp_address);
  CHECK(with_ip("socks", R"("proxy.example")").all() ==
        "inbounds[0].settings.ip: is 'proxy.example'; it must be the IP address that clients send datagrams "
        "to\n");
}

}  // namespace config_forms
