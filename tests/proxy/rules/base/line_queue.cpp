// Lines that wait for a slow reader.
#include "catch.hpp"

#include "proxy/base/line_queue.hpp"

#include <string>
#include <string_view>

namespace {

using muxpro::proxy::line_queue;

std::string taken(line_queue& q, std::string_view head = "now") {
  std::string text;
  q.prepare(text);
  q.take(text, head);
  return text;
}

}  // namespace

TEST_CASE("line queue: lines in the order of their coming", "[proxy][log]") {
  line_queue q(100);
  CHECK(q.empty());
  q.push("1", "one");
  q.push("", "two");
  CHECK_FALSE(q.empty());
  CHECK(taken(q) == "1 one\ntwo\n");
  CHECK(q.empty());
  CHECK(taken(q).empty());
}

TEST_CASE("line queue: a line fits exactly, or is lost", "[proxy][log]") {
  line_queue q(8);
  q.push("1", "12345");
  CHECK(taken(q) == "1 12345\n");
  q.push("1", "123456");
  CHECK_FALSE(q.empty());
  CHECK(taken(q) == "now 1 line lost\n");
}

TEST_CASE("line queue: what was lost is counted in its place", "[proxy][log]") {
  line_queue q(10);
  q.push("", "first");
  q.push("", "longer");
  q.push("", "a");  // there would be room, but it came after a line that was lost
  q.lose();
  CHECK(taken(q) == "first\nnow 3 lines lost\n");
  q.push("", "then");
  q.push("", "last");
  CHECK(taken(q) == "then\nlast\n");
}

TEST_CASE("line queue: its memory stays what it was", "[proxy][log]") {
  line_queue q(1000);
  std::string text;
  q.prepare(text);
  const std::size_t at_first = text.capacity();
  const std::string head(200, 'h');
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 1000; ++i) q.push("head", "some line");
    q.take(text, head);
    CHECK(text.size() <= at_first);
    CHECK(text.capacity() == at_first);
    CHECK_FALSE(text.find("lines lost") == std::string::npos);
    text.clear();
  }
}
