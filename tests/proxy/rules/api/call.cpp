// Calls of gRPC: frames, paths, statuses.
#include "catch.hpp"

#include "proxy/api/call.hpp"

#include <muxpro/testing/hex.hpp>

#include <string>
#include <vector>

namespace api_call_test {
namespace {

using namespace muxpro::proxy;
using muxpro::const_bytes;
using muxpro::testing::from_hex;

std::string read(const char* hex) {
  const auto wire = from_hex(hex);
  try {
    call_reader in;
    in.take(wire);
    const const_bytes message = in.message();
    return {reinterpret_cast<const char*>(message.data()), message.size()};
  } catch (const api_refusal& r) {
    return std::to_string(static_cast<int>(r.code));
  }
}

std::string path(std::string_view text) {
  const auto found = call_path_of(text);
  return found ? std::string(found->service) + " " + std::string(found->method) : "none";
}

}  // namespace

TEST_CASE("API: a call has one message", "[proxy][api]") {
  CHECK(read("00 00000002 6869") == "hi");
  CHECK(read("00 00000000") == "");
  CHECK(read("") == "3");
  CHECK(read("00 00000003 6869") == "3");
  CHECK(read("00 00000001 6869") == "3");
  CHECK(read("00 ffffffff 6869") == "3");
  CHECK(read("01 00000002 6869") == "12");
  CHECK(framed_message("hi") == std::string("\0\0\0\0\2hi", 7));
  call_reader in;
  const std::vector<std::byte> most(most_api_message + 5), more(1);
  in.take(most);
  CHECK_THROWS_AS(in.take(more), api_refusal);
}

TEST_CASE("API: V2Ray's names of services stand for Xray's", "[proxy][api]") {
  CHECK(path("/xray.app.stats.command.StatsService/QueryStats") == "StatsService QueryStats");
  CHECK(path("/v2ray.core.app.stats.command.StatsService/GetStats") == "StatsService GetStats");
  CHECK(path("/xray.app.proxyman.command.HandlerService/AddInbound") == "HandlerService AddInbound");
  CHECK(path("/xray.app.log.command.LoggerService/RestartLogger") == "LoggerService RestartLogger");
  CHECK(path("/xray.app.stats.command.HandlerService/AddInbound") == "none");
  for (const char* other :
       {"", "/", "/xray.app.", "/xray.app.a/b", "/a/b", "xray.app.stats.command.StatsService/x"})
    CHECK(path(other) == "none");
}

TEST_CASE("API: a status has no characters that a header may not have", "[proxy][api]") {
  CHECK(grpc_message_of("User ann not found.") == "User ann not found.");
  CHECK(grpc_message_of("100%\n\xc3\xa4") == "100%25%0A%C3%A4");
}

}  // namespace api_call_test
