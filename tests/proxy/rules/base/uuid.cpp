// UUIDs as users write them.
#include "catch.hpp"

#include "proxy/base/uuid.hpp"

#include <string>

namespace uuid_test {
namespace {

using muxpro::proxy::parse_uuid;

std::string read(std::string_view text) {
  const auto id = parse_uuid(text);
  return id ? muxpro::proxy::to_string(*id) : "none";
}

TEST_CASE("UUIDs: with and without dashes, in any case", "[proxy][uuid]") {
  const std::string id = "66ad4540-b58c-4ad2-9926-ea63445a9b57";
  CHECK(read(id) == id);
  CHECK(read("66AD4540-B58C-4AD2-9926-EA63445A9B57") == id);
  CHECK(read("66ad4540b58c4ad29926ea63445a9b57") == id);
  CHECK(read("66ad4540b58c-4ad2-9926-ea63445a9b57") == id);
  CHECK(read("00000000-0000-0000-0000-000000000000") == "00000000-0000-0000-0000-000000000000");
}

TEST_CASE("UUIDs: short texts stand for one each", "[proxy][uuid]") {
  CHECK(read("example") == "feb54431-301b-52bb-a6dd-e1e93e81bb9e");
  CHECK(read("我爱🍉老师1314") == "5783a3e7-e373-51cd-8642-c83782b807c5");
  CHECK(read("a") != read("b"));
  CHECK(read(std::string(30, 'a'))[14] == '5');
  CHECK(read("66ad4540") != "66ad4540-0000-0000-0000-000000000000");
}

TEST_CASE("UUIDs: other texts are refused", "[proxy][uuid]") {
  for (const std::string text :
       {"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "66ad4540-b58c-4ad2-9926-ea63445a9b5",
        "66ad4540-b58c-4ad2-9926-ea63445a9b577", "66ad4540-b58c-4ad2-9926-ea63445a9b5g",
        "66ad4540--b58c-4ad2-9926-ea63445a9b57", "66ad45-40b58c-4ad2-9926-ea63445a9b57",
        "66ad4540b58c4ad29926ea63445a9b5-7", "66ad4540b58c4ad29926ea63445a9b57-",
        "66ad4540-b58c-4ad2-9926-ea63445a9b5 "})
    CHECK(read(text) == "none");
}

}  // namespace
}  // namespace uuid_test
