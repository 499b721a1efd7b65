// Users and their secrets.
#include "catch.hpp"

#include "proxy/policy/accounts.hpp"

#include <string>
#include <string_view>

namespace accounts_test {
namespace {

using muxpro::proxy::accounts;
using muxpro::proxy::user_account;

TEST_CASE("accounts: a key identifies one user without a name", "[proxy][accounts]") {
  accounts users;
  user_account alice;
  alice.name = "alice";
  alice.level = 3;
  users.add_key(alice, "key");
  REQUIRE(users.check_key("key"));
  CHECK(*users.check_key("key") == alice);
  CHECK_FALSE(users.check_key("ke"));
  CHECK_FALSE(users.check_key("alice"));
  CHECK_FALSE(users.check_key(""));
  CHECK_FALSE(users.check("alice", "key"));
}

TEST_CASE("accounts: exactly those that were added", "[proxy][accounts]") {
  accounts users;
  CHECK(users.empty());
  CHECK_FALSE(users.check("", ""));
  users.add("alice", "wonder");
  users.add("bob", "");
  users.add("", "secret");
  CHECK(users.size() == 3);
  CHECK(users.check("alice", "wonder"));
  CHECK(users.check("bob", ""));
  CHECK(users.check("", "secret"));
  for (const auto& [user, secret] : {std::pair<std::string_view, std::string_view>{"alice", "wonde"},
                                     {"alice", "wonder "},
                                     {"alice", ""},
                                     {"Alice", "wonder"},
                                     {"alicew", "onder"},
                                     {"alic", "ewonder"},
                                     {"bob", "wonder"},
                                     {"wonder", "alice"},
                                     {"", ""},
                                     {"", "alicewonder"},
                                     {"alice", {"wonder\0", 7}},
                                     {{"alice\0", 6}, "wonder"}})
    CHECK_FALSE(users.check(user, secret));
}

TEST_CASE("accounts: an account gives its user, with level and limits", "[proxy][accounts]") {
  user_account known;
  known.name = "alice";
  known.level = 7;
  known.datagrams = {5, 2.5};
  known.link_capacity = 1024;
  accounts users;
  users.add(known, "wonder");
  CHECK(users.check("alice", "wonder") == known);
  known.level = 8;
  users.add(known, "wonder");
  CHECK(users.size() == 1);
  CHECK(users.check("alice", "wonder")->level == 8);
}

TEST_CASE("accounts: a user may have several secrets, and copies share them", "[proxy][accounts]") {
  accounts users;
  users.add("alice", "old");
  const accounts before = users;
  users.add("alice", "new");
  users.add("alice", "new");
  CHECK(users.size() == 2);
  CHECK(users.check("alice", "old"));
  CHECK(users.check("alice", "new"));
  CHECK(before.check("alice", "old"));
  CHECK(before.check("alice", "new"));
}

TEST_CASE("accounts: others may take their place, in all copies", "[proxy][accounts]") {
  accounts users, others;
  users.add("alice", "secret");
  others.add("bob", "secret");
  const accounts serving = users;
  users.replace_with(others);
  CHECK_FALSE(serving.check("alice", "secret"));
  CHECK(serving.check("bob", "secret"));
  others.add("carol", "secret");
  CHECK_FALSE(serving.check("carol", "secret"));
  users.replace_with(users);
  CHECK(serving.size() == 1);
  users.replace_with(accounts());
  CHECK(serving.empty());
}

TEST_CASE("accounts: users are added and removed one by one", "[proxy][accounts]") {
  accounts users, one, two;
  users.add("alice", "secret");
  one.add("bob", "word");
  CHECK(users.add_all(one));
  CHECK(users.check("bob", "word"));
  CHECK_FALSE(users.add_all(one));
  user_account carol;
  carol.name = "Carol";
  two.add_key({}, "key");
  two.add_tried(carol, "tried");
  const auto before = users.tried();
  CHECK(users.add_all(two));
  CHECK(before->empty());
  CHECK(users.has_user("CAROL"));
  CHECK_FALSE(users.add_all(two));
  CHECK(users.size() == 4);
  CHECK(users.remove("carol") == 1);
  CHECK(users.remove("carol") == 0);
  CHECK(users.remove("ALICE") == 1);
  CHECK_FALSE(users.check("alice", "secret"));
  CHECK(users.tried()->empty());
  CHECK(users.check_key("key"));
}

TEST_CASE("accounts: any bytes, any length", "[proxy][accounts]") {
  accounts users;
  const std::string user(1000, '\0'), secret(100000, '\xff');
  users.add(user, secret);
  CHECK(users.check(user, secret));
  CHECK_FALSE(users.check(user, secret.substr(1)));
  for (int i = 0; i < 500; ++i) users.add(std::to_string(i), std::to_string(i * i));
  for (int i = 0; i < 500; ++i) CHECK(users.check(std::to_string(i), std::to_string(i * i)));
  for (int i = 2; i < 500; ++i) CHECK_FALSE(users.check(std::to_string(i), std::to_string(i)));
}

}  // namespace
}  // namespace accounts_test
