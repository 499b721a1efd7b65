// Transports whose files change.
#include "catch.hpp"
#include "certificates.hpp"
#include "support.hpp"

#include "proxy/engine/file_watch.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace file_watch_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;

class reading_transport final : public transport {
 public:
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code&) const override {
    co_return below;
  }
  void reload() const override {
    ++reads;
    if (fails) throw std::runtime_error("a.pem has no certificate");
  }
  mutable int reads = 0;
  bool fails = false;
};

struct watched {
  watched() {
    write("one");
    files.add("in", t, {file, at / "not-there"});
  }
  void write(const std::string& text) const {
    std::ofstream(file + ".new") << text;
    std::filesystem::rename(file + ".new", file);
  }
  void run_for(duration d) {
    io.restart();
    io.run_for(d);
  }

  test::directory at;
  const std::string file = at / "a.pem";
  const std::shared_ptr<reading_transport> t = std::make_shared<reading_transport>();
  file_watch files;
  asio::io_context io;
  std::vector<std::string> lines;
};

TEST_CASE("file watch: a transport reads its files again when one of them has changed",
          "[proxy][transport]") {
  watched w;
  asio::co_spawn(w.io,
                 w.files.run(2ms, [&](log_level, std::string_view line) { w.lines.emplace_back(line); }),
                 asio::detached);
  w.run_for(50ms);
  CHECK(w.t->reads == 0);
  w.write("two");
  w.run_for(50ms);
  CHECK(w.t->reads == 1);
  w.t->fails = true;
  w.write("three");
  w.run_for(50ms);
  CHECK(w.t->reads == 2);
  std::filesystem::remove(w.file);
  w.run_for(50ms);
  CHECK(w.t->reads == 3);
  const std::string kept = "in: a.pem has no certificate; what was read before stays in use";
  CHECK(w.lines == std::vector<std::string>{"in: its files have changed, and were read again", kept, kept});
}

TEST_CASE("file watch: all transports read their files when that is wanted", "[proxy][transport]") {
  watched w;
  CHECK(w.files.reload().empty());
  CHECK(w.t->reads == 1);
  w.t->fails = true;
  CHECK(w.files.reload() == std::vector<std::string>{"in: a.pem has no certificate"});
}

}  // namespace file_watch_test
