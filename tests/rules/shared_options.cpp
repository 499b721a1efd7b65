// Sessions with equal options have one object for them.
#include "catch.hpp"

#include <muxpro/detail/shared_options.hpp>

using namespace muxpro;
using detail::shared_options;

TEST_CASE("equal options are one object while a session has them", "[rules][options]") {
  session_options o;
  o.max_window = 70'001;
  auto first = shared_options::of(o);
  CHECK(shared_options::of(o) == first);
  CHECK(first->max_window == 70'001);
  const std::weak_ptr<const session_options> gone = first;
  first.reset();
  CHECK(gone.expired());
  CHECK(shared_options::of(o)->max_window == 70'001);
}

TEST_CASE("options that differ in one field are two objects", "[rules][options]") {
  session_options o, p, q;
  o.local_reset.per_second = 10.5;
  p.versions = {version_0_0};
  q.budget_user = "somebody";
  const auto first = shared_options::of({});
  const auto second = shared_options::of(o), third = shared_options::of(p), fourth = shared_options::of(q);
  CHECK(second != first);
  CHECK(second->local_reset.per_second == 10.5);
  CHECK(third->versions.size() == 1);
  CHECK(fourth->budget_user == "somebody");
  CHECK(shared_options::of({}) == first);
}

TEST_CASE("options with a function are never shared", "[rules][options]") {
  session_options o;
  o.log = [](severity, std::string_view) {};
  CHECK(shared_options::of(o) != shared_options::of(o));
  session_options p;
  p.peers_head = [](std::span<const std::byte>, std::error_code&) { return std::size_t{1}; };
  CHECK(shared_options::of(p) != shared_options::of(p));
}
