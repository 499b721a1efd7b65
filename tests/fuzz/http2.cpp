// HTTP/2 in both roles: the peer sends what the input has, behind a preface that is right or wrong. Each
// operation completes, the connection ends once the peer has gone, and what it holds is bounded.
#include "fuzz.hpp"

#include "proxy/transport/http2_connection.hpp"

#include <muxpro/pipe.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace http2_fuzz {

using namespace fuzz;
using namespace muxpro;
using namespace muxpro::proxy;

namespace {

asio::awaitable<void> run(std::shared_ptr<http2_connection> c, bool& ended) {
  std::error_code ec;
  co_await c->run(ec);
  ended = true;
}

class http2_play {
 public:
  explicit http2_play(const_bytes in) : script_(in) {
    auto [near, far] = make_pipe(io_.get_executor(), 1 << 20);
    peer_ = std::move(far);
    serves_ = script_.decide.flag();
    http2_options o;
    o.streams = 8;
    o.stream_window = 4096;
    o.most_unread = 16'384;
    c_ = std::make_shared<http2_connection>(
        make_connection(std::move(near)), serves_ ? role::server : role::client, o,
        [this](http2_connection& c, http2_request r) { take(c, std::move(r)); });
    asio::co_spawn(io_, http2_fuzz::run(c_, ended_), [](std::exception_ptr) {});
  }

  void play() {
    if (!serves_ && script_.decide.flag()) keep(c_->request({{":method", "GET"}, {":path", "/"}}, body()));
    turn();
    if (serves_ && !script_.decide.flag()) send(preface);
    if (!script_.decide.flag()) send({"\0\0\0\x04\0\0\0\0\0", 9});
    while (!script_.wire.empty()) {
      const std::size_t n = std::min(script_.wire.size(), 1 + script_.decide.size());
      send({reinterpret_cast<const char*>(script_.wire.data()), n});
      script_.wire = script_.wire.subspan(n);
      act();
    }
    peer_.close();
    turn();
    must(ended_, "a connection ends when its peer has gone");
    streams_.clear();
    turn();
    must(tally_.called == tally_.begun, "each operation completes");
  }

 private:
  static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  static std::unique_ptr<http2_body> body() { return std::make_unique<http2_body>(); }
  void take(http2_connection& c, http2_request r) {
    if (script_.decide.flag()) return c.refuse(r, {{":status", "404"}});
    keep(c.accept(r, {{":status", "200"}}, body()));
  }
  void keep(http2_stream s) { streams_.push_back(std::make_unique<http2_stream>(std::move(s))); }
  void turn() {
    io_.restart();
    for (int i = 0; i < 10'000 && io_.poll_one() > 0; ++i)
      ;
    std::array<std::byte, 4096> room;
    while (peer_.is_open() && peer_.available() > 0) {
      peer_.async_read_some(asio::buffer(room), [](std::error_code, std::size_t) {});
      io_.restart();
      io_.poll();
    }
  }
  void send(std::string_view what) {
    peer_.async_write_some(asio::buffer(what), [](std::error_code, std::size_t) {});
    turn();
  }
  void act() {
    if (streams_.empty()) return;
    auto& s = streams_[script_.decide.below(streams_.size())];
    switch (script_.decide.below(5)) {
      case 0: s->async_read_some(asio::buffer(room_), counted(tally_, [](auto&&...) {})); break;
      case 1: s->async_write_some(asio::buffer(room_), counted(tally_, [](auto&&...) {})); break;
      case 2: s->async_shutdown(counted(tally_, [](auto&&...) {})); break;
      case 3: s->reset(end_code::timeout); break;
      default: s = std::move(streams_.back()), streams_.pop_back();
    }
    turn();
  }

  script script_;
  tally tally_;
  std::array<char, 10'000> room_{};
  asio::io_context io_;
  pipe_end peer_;
  bool serves_ = false, ended_ = false;
  std::shared_ptr<http2_connection> c_;
  std::vector<std::unique_ptr<http2_stream>> streams_;
};

}  // namespace
}  // namespace http2_fuzz

FUZZ_TARGET(fuzz_http2) { http2_fuzz::http2_play(in).play(); }
