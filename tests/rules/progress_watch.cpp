#include "catch.hpp"
#include "start.hpp"

#include <muxpro/detail/progress_watch.hpp>

using namespace muxpro;
using detail::progress_watch;
using rules_test::start;
using std::chrono::seconds;

TEST_CASE("progress_watch is idle until it is started and after it is stopped", "[rules][liveness]") {
  progress_watch w;
  CHECK_FALSE(w.running());
  CHECK(w.deadline(seconds(30)) == time_point::max());
  w.progress(1'000'000, 1, start);
  CHECK_FALSE(w.running());
  w.start(start);
  CHECK(w.running());
  CHECK(w.deadline(seconds(30)) == start + seconds(30));
  w.stop();
  CHECK_FALSE(w.running());
  CHECK(w.deadline(seconds(30)) == time_point::max());
}

TEST_CASE("progress_watch moves its deadline by whole floors only", "[rules][liveness]") {
  struct row {
    int at;
    std::uint64_t bytes;
    int deadline;
  };
  progress_watch w;
  w.start(start);
  for (const row& r : {row{1, 4095, 30}, row{2, 0, 30}, row{3, 1, 33}, row{20, 4095, 33}, row{32, 1, 62},
                       row{40, 9000, 70}, row{50, 4095, 70}}) {
    CAPTURE(r.at);
    w.progress(r.bytes, 4096, start + seconds(r.at));
    CHECK(w.deadline(seconds(30)) == start + seconds(r.deadline));
  }
}

TEST_CASE("progress_watch is not kept alive by a drip", "[rules][liveness]") {
  progress_watch w;
  w.start(start);
  for (int second = 1; second <= 300; ++second) w.progress(54, 16 * 1024, start + seconds(second));
  CHECK(w.since() == start);
}

TEST_CASE("progress_watch drops old bytes when it is started again", "[rules][liveness]") {
  progress_watch w;
  w.start(start);
  w.progress(4000, 4096, start);
  w.start(start + seconds(5));
  w.progress(96, 4096, start + seconds(6));
  CHECK(w.since() == start + seconds(5));
}
