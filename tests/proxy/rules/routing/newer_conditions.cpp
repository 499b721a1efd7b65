// Conditions of rules that Xray has got lately: the client's program, the address and the port that it has
// connected to, numbers in UUIDs of VLESS; and a balancer that goes by measurements.
#include "catch.hpp"

#include "proxy/routing/router.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace newer_conditions {

using namespace muxpro;
using namespace muxpro::proxy;

std::string chosen(const routing_rule& r, const route_request& q) {
  router_options o;
  o.outbound_tags = {"other", "matched"};
  o.rules = {r};
  o.rules[0].outbound_tag = "matched";
  geo_files none;
  return router(o, none).route(q)->outbound_tag;
}

route_request request() {
  route_request q;
  q.target = {network::tcp, "192.0.2.1", 80};
  q.local = asio::ip::make_address("127.0.0.1");
  q.local_port = 1080;
  return q;
}

TEST_CASE("router: the address and the port that a client has connected to", "[proxy][routing]") {
  routing_rule r;
  r.local_ip = {"127.0.0.0/8"};
  r.local_port = "1080-1090";
  CHECK(chosen(r, request()) == "matched");
  route_request q = request();
  q.local_port = 1091;
  CHECK(chosen(r, q) == "other");
  q = request();
  q.local = asio::ip::address();
  CHECK(chosen(r, q) == "other");
}

TEST_CASE("router: the number in a UUID of VLESS", "[proxy][routing]") {
  routing_rule r;
  r.vless_route = "1-5,9";
  route_request q = request();
  CHECK(chosen(r, q) == "other");
  q.vless_route = 5;
  CHECK(chosen(r, q) == "matched");
  q.vless_route = 6;
  CHECK(chosen(r, q) == "other");
}

TEST_CASE("router: the client's program by name, path and directory", "[proxy][routing]") {
  const auto matches = [](const char* wanted, const char* path) {
    routing_rule r;
    r.process = {"nothing", wanted};
    route_request q = request();
    q.process = path;
    return chosen(r, q) == "matched";
  };
  CHECK(matches("curl", "/usr/bin/curl"));
  CHECK_FALSE(matches("curl", "/usr/bin/curl2"));
  CHECK_FALSE(matches("curl", ""));
  CHECK(matches("/usr/bin/curl", "/usr/bin/curl"));
  CHECK_FALSE(matches("/bin/curl", "/usr/bin/curl"));
  CHECK(matches("/usr/", "/usr/bin/curl"));
  CHECK_FALSE(matches("/us", "/usr/bin/curl"));
}

TEST_CASE("balancer: leastPing takes the fastest that was measured", "[proxy][routing]") {
  router_options o;
  o.outbound_tags = {"a", "p-1", "p-2", "p-3"};
  o.balancers = {{"fast", {"p-"}, balancing::least_ping, "a"}};
  routing_rule all;
  all.network = "tcp,udp";
  all.balancer_tag = "fast";
  o.rules = {all};
  geo_files none;
  std::map<std::string, int, std::less<>> times{{"p-1", 30}, {"p-2", 10}};
  const auto ping = [&](std::string_view tag) -> std::optional<outbound_health> {
    const auto found = times.find(tag);
    if (found == times.end()) return std::nullopt;
    outbound_health out;
    out.last = std::chrono::milliseconds(found->second);
    out.all = 1;
    return out;
  };
  const router by_ping(o, none, {}, ping);
  const auto choice = [&] { return by_ping.route(request())->outbound_tag; };
  CHECK(choice() == "p-2");
  times["p-3"] = 5;
  CHECK(choice() == "p-3");
  // Before anything was measured it is one that can be used.
  times.clear();
  CHECK(choice().starts_with("p-"));
}

}  // namespace newer_conditions
