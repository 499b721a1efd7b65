// The order of the parts of an upload.
#include "catch.hpp"

#include "proxy/xhttp/upload_reorder_buffer.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace upload_reorder_buffer_test {

using muxpro::proxy::upload_reorder_buffer;
using entry = upload_reorder_buffer::entry;

TEST_CASE("parts of an upload have their turns in order, in whatever order they come", "[proxy][xhttp]") {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    std::vector<std::uint64_t> all(20), done;
    std::iota(all.begin(), all.end(), 0);
    std::shuffle(all.begin(), all.end(), random);
    upload_reorder_buffer turns(30);
    std::vector<std::uint64_t> waiting;
    for (const std::uint64_t n : all) {
      CHECK(turns.enter(n) == entry::waits);
      CHECK(turns.enter(n) == entry::repeated);
      waiting.push_back(n);
      for (;;) {
        const auto now =
            std::find_if(waiting.begin(), waiting.end(), [&](auto w) { return turns.has_turn(w); });
        CHECK((now != waiting.end()) == turns.is_next_there());
        if (now == waiting.end()) break;
        done.push_back(*now);
        waiting.erase(now);
        turns.next();
      }
    }
    CHECK(std::is_sorted(done.begin(), done.end()));
    CHECK(done.size() == all.size());
    CHECK(turns.empty());
    CHECK(turns.enter(7) == entry::repeated);
  }
}

TEST_CASE("so many parts wait for a missing one, and more for a slow reader", "[proxy][xhttp]") {
  upload_reorder_buffer turns(3);
  for (std::uint64_t n = 1; n <= 3; ++n) CHECK(turns.enter(n) == entry::waits);
  CHECK(turns.enter(4) == entry::too_many);
  CHECK(turns.enter(0) == entry::waits);
  CHECK(turns.enter(4) == entry::waits);
  std::uint64_t n = 5;
  while (turns.enter(n) == entry::waits) ++n;
  CHECK(n == upload_reorder_buffer::most_behind_present);
  turns.next();
  CHECK(turns.enter(n) == entry::waits);
}

}  // namespace upload_reorder_buffer_test
