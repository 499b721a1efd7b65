// Blocks that a thread lends for reads, and keeps.
#include "catch.hpp"

#include <muxpro/detail/thread_memory.hpp>

#include <thread>
#include <utility>
#include <vector>

namespace {

using muxpro::detail::thread_memory;

constexpr bool keeps = muxpro::detail::recycles_memory;
constexpr std::size_t size = 100'000;

}  // namespace

TEST_CASE("thread_memory gives as many bytes as were asked for", "[memory]") {
  thread_memory m;
  CHECK(m.taken().empty());
  CHECK(m.take(size).size() == size);
  CHECK(m.taken().size() >= size);
  const auto* const first = m.taken().data();
  CHECK(m.take(10).data() == first);  // it has a block already
  CHECK(m.take(2 * size).size() == 2 * size);
  m.give_back();
  CHECK(m.taken().empty());
}

TEST_CASE("thread_memory: the next one of the thread gets the block that was given back", "[memory]") {
  thread_memory one, other;
  const auto* const block = one.take(size).data();
  CHECK(other.take(size).data() != block);
  one.give_back();
  thread_memory next;
  if (keeps) CHECK(next.take(size / 2).data() == block);
}

TEST_CASE("thread_memory: a block that is too small is not lent", "[memory]") {
  std::thread([] {
    thread_memory small;
    const auto* const block = small.take(100).data();
    small.give_back();
    thread_memory large, again;
    CHECK(large.take(101).size() == 101);
    if (keeps) CHECK(again.take(100).data() == block);
  }).join();
}

TEST_CASE("thread_memory moves with its block", "[memory]") {
  thread_memory from;
  const auto* const block = from.take(size).data();
  thread_memory to(std::move(from));
  CHECK(to.taken().data() == block);
  thread_memory third;
  third = std::move(to);
  CHECK(third.taken().data() == block);
}

TEST_CASE("thread_memory: a block may be given back by another thread, and after a thread's end",
          "[memory]") {
  thread_memory m;
  std::thread([&m] { m.take(size); }).join();
  std::thread([&m] { m.give_back(); }).join();
  CHECK(m.taken().empty());
}

TEST_CASE("thread_memory: a thread keeps a few blocks, and has all that are asked for", "[memory]") {
  std::vector<thread_memory> many(20);
  for (thread_memory& m : many) m.take(size)[0] = std::byte{1};
  many.clear();
  many.resize(20);
  for (thread_memory& m : many) CHECK(m.take(size).size() == size);
}
