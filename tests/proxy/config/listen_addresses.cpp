// Where inbounds of a configuration listen: ports in all their forms, unix sockets, and listeners that cannot
// be beside each other.
#include "catch.hpp"
#include "config_text.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

// The files of a unity build share their anonymous namespace.
namespace config_places {

using namespace muxpro::proxy;
using namespace std::string_literals;

/// A configuration, read with an environment of its own.
struct read_in {
  explicit read_in(const std::string& inbounds, std::map<std::string, std::string> variables = {},
                   const std::string& more = "") {
    const std::string text =
        "{\"inbounds\": [" + inbounds + "], \"outbounds\": [{\"protocol\": \"freedom\"}]" + more + "}";
    const environment known = [&variables](const char* name) -> const char* {
      const auto found = variables.find(name);
      return found == variables.end() ? nullptr : found->second.c_str();
    };
    geo_files none;
    const auto root = parse_json(text, mistakes);
    REQUIRE(root);
    c = read_config(*root, registry::global(), none, mistakes, known);
    for (const auto& m : mistakes.all()) all += m.path + ": " + m.sentence + "\n";
    for (const auto& m : c.unset) unset += m.path + ": " + m.sentence + "\n";
  }
  /// Of the first inbound.
  std::vector<int> ports() const {
    std::vector<int> out{to_tcp(c.inbounds.at(0).at).port()};
    for (const auto& p : c.inbounds[0].more) out.push_back(to_tcp(p.at).port());
    return out;
  }

  config_mistakes mistakes;
  config c;
  std::string all, unset;
};

std::string socks(const std::string& port, const std::string& listen = "127.0.0.1",
                  const std::string& tag = "in") {
  return R"({"tag": ")" + tag + R"(", "protocol": "socks", "openToAll": true, "listen": ")" + listen +
         (port.empty() ? "\"}" : R"(", "port": )" + port + "}");
}
std::string door(const std::string& port, const std::string& network) {
  return R"({"tag": "door", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": )" + port +
         R"(, "settings": {"address": "192.0.2.1", "port": 1, "network": ")" + network + "\"}}";
}
using ports = std::vector<int>;

TEST_CASE("config: ports as numbers, texts, ranges and lists", "[proxy][config]") {
  CHECK(read_in(socks("1080")).ports() == ports{1080});
  CHECK(read_in(socks("0")).ports() == ports{0});
  CHECK(read_in(socks("\"1080\"")).ports() == ports{1080});
  CHECK(read_in(socks("\"1000-1003\"")).ports() == ports{1000, 1001, 1002, 1003});
  CHECK(read_in(socks("\"443, 80,1000-1001\"")).ports() == ports{80, 443, 1000, 1001});
  CHECK(read_in(socks("\"7-7\"")).ports() == ports{7});
  CHECK(read_in(socks("\"80,79-81,80\"")).ports() == ports{79, 80, 81});
  CHECK(read_in(socks("\"65530-65535\"")).ports().size() == 6);
  CHECK(to_string(read_in(socks("\"1000-1003\"", "::1")).c.inbounds[0].more.at(2).at) == "[::1]:1003");
}

TEST_CASE("config: texts that are no ports", "[proxy][config]") {
  for (const char* text : {"", "80-", "-80", "80-79", "80,,81", "80,", "65536", "0-65536", "http", "80;81",
                           "8 0", "env:", "ENV:PORT", "-1", "1e3", "0x50"}) {
    const read_in r(socks("\""s + text + "\""));
    INFO(text);
    CHECK(r.all ==
          "inbounds[0].port: is '"s + text +
              "'; it must be a port from 0 to 65535, a range such as 1000-1010, a list of both such as "
              "80,443,1000-1010, or env:NAME\n");
  }
  for (const char* port : {"-1", "65536", "1.5", "1e300"})
    CHECK(read_in(socks(port)).all.find("inbounds[0].port: is '") == 0);
  for (const char* port : {"true", "[1]", "{}"})
    CHECK(read_in(socks(port)).all.find("it must be a number or a text") != std::string::npos);
  CHECK(read_in(socks("\"0,80\"")).all ==
        "inbounds[0].port: is '0,80'; 0 takes a free port, and must stand alone\n");
}

TEST_CASE("config: the number of ports is bounded", "[proxy][config]") {
  const std::string mistake = "port: is one too many; all inbounds together may listen on 1024 ports\n";
  CHECK(read_in(socks("\"1000-2023\"")).ports().size() == 1024);
  CHECK(read_in(socks("\"1000-2024\"")).all == "inbounds[0]." + mistake);
  CHECK(read_in(socks("\"1-65535\"")).all == "inbounds[0]." + mistake);
  CHECK(read_in(socks("\"1-1000\"") + "," + socks("\"2001-2024\"", "127.0.0.1", "b")).all == "");
  CHECK(read_in(socks("\"1-1000\"") + "," + socks("\"2001-2025\"", "127.0.0.1", "b")).all ==
        "inbounds[1]." + mistake);
  std::string list = "\"1-65535";
  for (int i = 0; i < 100'000; ++i) list += ",1-65535";
  CHECK(read_in(socks(list + "\"")).all == "inbounds[0]." + mistake);
}

TEST_CASE("config: ports from the environment", "[proxy][config]") {
  CHECK(read_in(socks("\"env:PORT\""), {{"PORT", "1080"}}).ports() == ports{1080});
  CHECK(read_in(socks("\"env:PORT\""), {{"PORT", "1000-1001,80"}}).ports() == ports{80, 1000, 1001});
  CHECK(read_in(socks("\"443,env:A,env:B\""), {{"A", "1"}, {"B", "2"}}).ports() == ports{1, 2, 443});
  for (const char* bad : {"", "x", "80-", "env:PORT", "70000"}) {
    const read_in r(socks("\"env:PORT\""), {{"PORT", bad}});
    CHECK(r.all == "inbounds[0].port: names the environment variable PORT, which is '"s + bad +
                       "'; it must be ports such as 1080, 1000-1010 or 80,443\n");
  }
}

// The environment of muxpro check need not be that of muxpro run.
TEST_CASE("config: a variable that is not set differs from a mistake", "[proxy][config]") {
  const read_in r(socks("\"env:PORT\""));
  CHECK(r.all == "");
  CHECK(r.unset == "inbounds[0].port: names the environment variable PORT, which is not set\n");
  CHECK(read_in(socks("\"env:PORT\""), {{"PORT", "1"}}).unset == "");
  CHECK(read_in(socks("\"env:PORT,x\"")).all.find("inbounds[0].port: is 'env:PORT,x'") == 0);
}

TEST_CASE("config: unix sockets with a mode, without a file, and localhost", "[proxy][config]") {
  const auto at = [](const std::string& listen) { return read_in(socks("", listen)); };
  const auto mode = [&at](const std::string& listen) {
    return at(listen).c.inbounds.at(0).stream.socket.file_mode;
  };
  const auto place = [&at](const std::string& listen) {
    const read_in r = at(listen);
    INFO(r.all);
    CHECK(r.all == "");
    return to_string(r.c.inbounds.at(0).at);
  };
  CHECK(place("/run/x.sock,0666") == "unix:/run/x.sock");
  CHECK(mode("/run/x.sock,0666") == 0666u);
  CHECK(place("unix:/run/x.sock,660") == "unix:/run/x.sock");
  CHECK(mode("unix:/run/x.sock,660") == 0660u);
  CHECK(mode("/run/x.sock") == std::nullopt);
  CHECK(place("/run/a,b,0600") == "unix:/run/a,b");
  CHECK(place("@name") == "unix:@name");
  CHECK(place("unix:@name") == "unix:@name");
  CHECK(place("@@name") == "unix:@@name");
  CHECK(place("@name,0666") == "unix:@name,0666");  // a name may have commas, and has no mode
  CHECK(mode("@name,0666") == std::nullopt);
  CHECK(to_string(read_in(socks("7", "localhost")).c.inbounds.at(0).at) == "127.0.0.1:7");
  const std::string longest(107, 'n');
  CHECK(place("@" + longest) == "unix:@" + longest);
  CHECK(place("@@" + longest) == "unix:@" + longest);  // there is no room to pad
  CHECK(place("/" + longest.substr(1) + ",0") == "unix:/" + longest.substr(1));
  for (const std::string& listen :
       {"/run/x,"s, "/run/x,888"s, "/run/x,1777"s, "/run/x,0666 "s, "/run/x,-1"s, ",0666"s, "unix:,0666"s,
        "@"s, "@@"s, "@" + longest + "n", "@@" + longest + "n", "/" + longest, "/run/x,y"s, "/a\\u0000b"s}) {
    INFO(listen);
    CHECK(at(listen).all.find("inbounds[0].listen: is '") == 0);
  }
}

TEST_CASE("stream_endpoint: abstract names are what the kernel has for them", "[proxy][sockets]") {
  const auto bytes = [](const stream_endpoint& e) {
    return std::string(reinterpret_cast<const char*>(e.data()), e.size()).substr(2);
  };
  CHECK(bytes(unix_endpoint("@ab")) == "\0ab"s);
  CHECK(bytes(unix_endpoint("@@ab")) == "\0ab"s + std::string(105, '\0'));
  CHECK(socket_file(unix_endpoint("@ab")).empty());
  CHECK(socket_file(unix_endpoint("/run/ab")) == "/run/ab");
  CHECK_FALSE(is_reachable_remotely(unix_endpoint("@ab")));
}

TEST_CASE("config: two listeners on one place", "[proxy][config]") {
  struct pair {
    const char *first, *second;
    bool collide;
  };
  for (const pair& p : {pair{"127.0.0.1", "127.0.0.1", true},
                        {"0.0.0.0", "127.0.0.1", true},
                        {"127.0.0.1", "0.0.0.0", true},
                        {"::", "127.0.0.1", true},
                        {"0.0.0.0", "::", true},
                        {"::", "::1", true},
                        {"::ffff:127.0.0.1", "127.0.0.1", true},
                        {"localhost", "127.0.0.1", true},
                        {"0.0.0.0", "::1", false},
                        {"127.0.0.1", "127.0.0.2", false},
                        {"::1", "127.0.0.1", false}}) {
    const read_in r(socks("1080", p.first) + "," + socks("1080", p.second, "b"));
    INFO(p.first << " and " << p.second << ": " << r.all);
    CHECK(r.all.empty() != p.collide);
  }
  CHECK(read_in(socks("1080") + "," + socks("1080", "127.0.0.1", "b")).all ==
        "inbounds[1].port: is 127.0.0.1:1080, where inbounds[0] listens already; each listener needs a place "
        "of its "
        "own\n");
  CHECK(read_in(socks("1080") + "," + socks("1081", "127.0.0.1", "b")).all == "");
  CHECK(read_in(socks("0") + "," + socks("0", "127.0.0.1", "b")).all == "");
  CHECK(read_in(socks("\"1000-1010\"") + "," + socks("\"1005-1020\"", "127.0.0.1", "b")).all ==
        "inbounds[1].port: is 127.0.0.1:1005, where inbounds[0] listens already; each listener needs a place "
        "of its "
        "own\n");
}

TEST_CASE("config: TCP and UDP of one port are two places", "[proxy][config]") {
  CHECK(read_in(socks("53") + "," + door("53", "udp")).all == "");
  CHECK(read_in(socks("53") + "," + door("53", "tcp,udp")).all.find("inbounds[1].port: is 127.0.0.1:53") ==
        0);
  CHECK(read_in(door("53", "udp") + R"(,{"tag": "b", "protocol": "dns", "listen": "127.0.0.1", "port": 53})")
            .all.find("inbounds[1].port: is 127.0.0.1:53") == 0);
}

TEST_CASE("config: unix sockets and the status page have places, too", "[proxy][config]") {
  const auto both = [](const std::string& a, const std::string& b) {
    return read_in(socks("", a) + "," + socks("", b, "b")).all;
  };
  CHECK(both("/run/a", "unix:/run/a,0666") ==
        "inbounds[1].listen: is unix:/run/a, where inbounds[0] listens already; each listener needs a place "
        "of its "
        "own\n");
  CHECK(both("/run/a", "/run/x/..//a") != "");
  CHECK(both("@a", "unix:@a") != "");
  CHECK(both("@a", "@@a") == "");
  CHECK(both("/run/a", "/run/b") == "");
  const auto with_page = [](const std::string& key, const std::string& listen) {
    return read_in(socks("1080"), {}, ", \"" + key + "\": {\"listen\": \"" + listen + "\"}").all;
  };
  CHECK(with_page("metrics", "127.0.0.1:1080").find("metrics.listen: is 127.0.0.1:1080, where inbounds[0]") ==
        0);
  CHECK(with_page("api", "127.0.0.1:1080").find("api.listen: is 127.0.0.1:1080") == 0);
  CHECK(with_page("metrics", "127.0.0.1:1081") == "");
  const read_in page(socks("1080"), {}, R"(, "metrics": {"listen": "unix:/run/page,0660"})");
  CHECK(page.c.metrics_mode == 0660u);
}

}  // namespace config_places
