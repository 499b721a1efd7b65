#include "catch.hpp"

#include <muxpro/detail/intrusive_list.hpp>

#include <deque>
#include <random>
#include <vector>

namespace {

using muxpro::detail::intrusive_list;
using muxpro::detail::list_node;

struct other_tag {};

struct item : list_node<>, list_node<other_tag> {
  explicit item(int v) : value(v) {}
  bool linked() const { return list_node<>::linked(); }
  int value;
};

std::vector<int> drained(intrusive_list<item>& list) {
  std::vector<int> out;
  while (!list.empty()) out.push_back(list.pop_front().value);
  return out;
}

}  // namespace

TEST_CASE("an intrusive list is a FIFO", "[list]") {
  item a(1), b(2), c(3);
  intrusive_list<item> list;
  CHECK(list.empty());
  for (item* i : {&a, &b, &c}) list.push_back(*i);
  CHECK(list.front().value == 1);
  CHECK(a.linked());
  CHECK(drained(list) == std::vector<int>{1, 2, 3});
  CHECK_FALSE(a.linked());
  list.push_back(b);
  CHECK(drained(list) == std::vector<int>{2});
}

TEST_CASE("a node leaves from any place, also when it dies", "[list]") {
  item a(1), c(3), e(5);
  intrusive_list<item> list;
  {
    item b(2), d(4);
    for (item* i : {&a, &b, &c, &d, &e}) list.push_back(*i);
  }
  static_cast<list_node<>&>(a).unlink();
  static_cast<list_node<>&>(a).unlink();
  CHECK(drained(list) == std::vector<int>{3, 5});
}

TEST_CASE("a list that dies lets its nodes go", "[list]") {
  item a(1);
  {
    intrusive_list<item> list;
    list.push_back(a);
  }
  CHECK_FALSE(a.linked());
  intrusive_list<item> list;
  list.push_back(a);
  CHECK(drained(list) == std::vector<int>{1});
}

TEST_CASE("splice takes over all nodes behind the own ones", "[list]") {
  item a(1), b(2), c(3), d(4);
  intrusive_list<item> list, other;
  list.splice(other);
  CHECK(list.empty());
  other.push_back(a);
  other.push_back(b);
  list.splice(other);
  CHECK(other.empty());
  other.push_back(c);
  other.push_back(d);
  list.splice(other);
  CHECK(other.empty());
  static_cast<list_node<>&>(c).unlink();
  CHECK(drained(list) == std::vector<int>{1, 2, 4});
}

TEST_CASE("an object can be in two lists by two tags", "[list]") {
  item a(1), b(2);
  intrusive_list<item> list;
  intrusive_list<item, other_tag> other;
  list.push_back(a);
  list.push_back(b);
  other.push_back(b);
  other.push_back(a);
  CHECK(other.pop_front().value == 2);
  CHECK(b.linked());
  CHECK(drained(list) == std::vector<int>{1, 2});
  CHECK(other.front().value == 1);
}

TEST_CASE("a list does what a deque does", "[list]") {
  std::mt19937 random(2);
  std::deque<item> items;
  for (int i = 0; i < 20; ++i) items.emplace_back(i);
  intrusive_list<item> list;
  std::deque<int> model;
  for (int step = 0; step < 20000; ++step) {
    item& any = items[random() % items.size()];
    if (!any.linked()) {
      list.push_back(any);
      model.push_back(any.value);
    } else if (random() % 2 == 0) {
      static_cast<list_node<>&>(any).unlink();
      std::erase(model, any.value);
    } else {
      REQUIRE(list.pop_front().value == model.front());
      model.pop_front();
    }
    REQUIRE(list.empty() == model.empty());
    if (!model.empty()) REQUIRE(list.front().value == model.front());
  }
}
