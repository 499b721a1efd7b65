// What a test program has beside its tests: main(), where Catch2 brings none, and a listener that writes one
// line per test case to the file named by MUXPRO_TEST_RESULTS: "begin NAME", then "passed NAME" or "failed
// NAME". tests/run.sh counts these lines; a begin without an end is where a program died.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using listener_base = Catch::EventListenerBase;
#else
#define CATCH_CONFIG_EXTERNAL_INTERFACES  // listeners
#include <catch2/catch.hpp>
using listener_base = Catch::TestEventListenerBase;
#endif

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace {

class result_lines : public listener_base {
 public:
  using listener_base::listener_base;

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    listener_base::testCaseStarting(info);
    name_ = info.name;
    write("begin");
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    write(stats.totals.testCases.allOk() ? "passed" : "failed");
    listener_base::testCaseEnded(stats);
  }

 private:
  void write(std::string_view what) {
    if (out_.is_open()) out_ << what << ' ' << name_ << std::endl;
  }

  static const char* file_name() {
    const char* name = std::getenv("MUXPRO_TEST_RESULTS");
    return name ? name : "";
  }

  std::ofstream out_{file_name()};
  std::string name_;
};

CATCH_REGISTER_LISTENER(result_lines)

}  // namespace
