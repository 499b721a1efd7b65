// The paths of gRPC's services.
#include "catch.hpp"

#include "proxy/grpc/path.hpp"

namespace grpc_test {
namespace {

using muxpro::proxy::grpc_paths_of;

std::string both_of(std::string_view service) {
  const auto paths = grpc_paths_of(service);
  return paths.one + " " + paths.many;
}

TEST_CASE("grpc: the paths of a service", "[proxy][grpc]") {
  CHECK(both_of("mux") == "/mux/Tun /mux/TunMulti");
  CHECK(both_of("") == "//Tun //TunMulti");
  CHECK(both_of("a/b c") == "/a%2Fb%20c/Tun /a%2Fb%20c/TunMulti");
  CHECK(both_of("a.b-c_d~$&+=:@") == "/a.b-c_d~$&+=:@/Tun /a.b-c_d~$&+=:@/TunMulti");
  CHECK(both_of("\xc3\xa4;,?#") == "/%C3%A4%3B%2C%3F%23/Tun /%C3%A4%3B%2C%3F%23/TunMulti");
}

TEST_CASE("grpc: the paths of a service that names its methods", "[proxy][grpc]") {
  CHECK(both_of("/a b/c/t|m") == "/a%20b/c/t /a%20b/c/m");
  CHECK(both_of("/a/b/c") == "/a/b/c /a/b/c");
  CHECK(both_of("/a/t|m|x") == "/a/t /a/m");
  CHECK(both_of("/t|m") == "//t //m");
  CHECK(both_of("/") == "// //");
}

}  // namespace
}  // namespace grpc_test
