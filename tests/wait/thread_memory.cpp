// Blocks that a thread lends for reads, and keeps.
#include "catch.hpp"

#include <muxpro/detail/thread_memory.hpp>

#include <memory>
#include <set>
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

TEST_CASE("last_memory gives each block of the process to one owner", "[memory]") {
  using muxpro::detail::last_memory;
  std::vector<std::unique_ptr<last_memory>> owners;
  std::set<const std::byte*> blocks;
  for (;;) {
    auto& owner = *owners.emplace_back(std::make_unique<last_memory>());
    if (owner.take().empty()) break;
    CHECK(owner.taken().size() == last_memory::size);
    CHECK(owner.take().data() == owner.taken().data());
    CHECK(blocks.insert(owner.taken().data()).second);
    REQUIRE(owners.size() < 1000);
  }
  CHECK(owners.size() > 1);
  const std::byte* const freed = owners.front()->taken().data();
  owners.front()->give_back();
  CHECK(owners.front()->taken().empty());
  CHECK(owners.back()->take().data() == freed);
  last_memory late;
  CHECK(late.take().empty());
  owners.clear();
  CHECK_FALSE(late.take().empty());
}
