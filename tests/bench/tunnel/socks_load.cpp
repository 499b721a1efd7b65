// socks_load PROXY TARGET requests=N together=N size=BYTES every=MS beside=BYTES
// GETs of /SIZE from 127.0.0.1:TARGET through the SOCKS5 proxy on port PROXY (0: directly), each over a
// connection of its own. A request is done with the last byte of its body; its time counts from connect().
// With every=MS one request begins each MS milliseconds, whatever became of the others. With beside=BYTES
// downloads of that size run meanwhile, one after the other.
#include "../arguments.hpp"
#include "../measure.hpp"

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

namespace {

using asio::ip::tcp;
using std::error_code;

struct load {
  std::uint16_t proxy = 0, target = 0;
  std::uint64_t requests = 0, together = 0, size = 0;
  std::uint64_t every = 0, beside = 0;
  std::uint64_t started = 0, done = 0, bytes = 0, bytes_beside = 0;
  samples times;
  asio::io_context io{1};
};

class download : public std::enable_shared_from_this<download> {
  // Ends the program with a sentence when something fails: a load with errors measures nothing.
  template <class Next>
  auto then(Next next) {
    return [self = shared_from_this(), next](error_code ec, std::size_t = 0) {
      if (ec) throw failure(fmt::format("a request failed: {}", ec.message()));
      next(*self);
    };
  }

 public:
  explicit download(load& l, bool beside = false)
      : l_(l), socket_(l.io), beside_(beside), size_(beside ? l.beside : l.size) {}

  void start() {
    if (!beside_) ++l_.started;
    const tcp::endpoint at(asio::ip::address_v4::loopback(), l_.proxy ? l_.proxy : l_.target);
    socket_.async_connect(at, then([](download& d) {
                            d.socket_.set_option(tcp::no_delay(true));
                            d.l_.proxy ? d.greet() : d.ask();
                          }));
  }

 private:
  void greet() {
    asio::async_write(socket_, asio::buffer("\x05\x01", 3), then([](download& d) {
                        asio::async_read(d.socket_, asio::buffer(d.reply_, 2),
                                         d.then([](download& e) { e.request(); }));
                      }));
  }

  void request() {
    const auto port = l_.target;
    request_ = {
        5, 1, 0, 1, 127, 0, 0, 1, static_cast<unsigned char>(port >> 8), static_cast<unsigned char>(port)};
    asio::async_write(socket_, asio::buffer(request_), then([](download& d) {
                        asio::async_read(d.socket_, asio::buffer(d.reply_), d.then([](download& e) {
                          if (e.reply_[1] != 0) throw failure("the proxy refused");
                          e.ask();
                        }));
                      }));
  }

  void ask() {
    head_ = fmt::format("GET /{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", size_);
    asio::async_write(socket_, asio::buffer(head_), then([](download& d) {
                        d.head_.clear();
                        asio::async_read_until(d.socket_, asio::dynamic_buffer(d.head_), "\r\n\r\n",
                                               d.then([](download& e) { e.read_body(); }));
                      }));
  }

  void read_body() {
    const auto end = head_.find("\r\n\r\n") + 4;
    if (!head_.starts_with("HTTP/1.1 200 ") ||
        head_.find(fmt::format("Content-Length: {}\r\n", size_)) == std::string::npos)
      throw failure("the target's answer is not what was asked for");
    left_ = size_ - (head_.size() - end);
    body_.resize(std::min<std::uint64_t>(size_, 256 * 1024));
    read_on();
  }

  void read_on() {
    if (left_ == 0) return finish();
    socket_.async_read_some(asio::buffer(body_), [self = shared_from_this()](error_code ec, std::size_t n) {
      if (ec || n > self->left_) throw failure(fmt::format("a body ended early: {}", ec.message()));
      self->left_ -= n;
      if (self->beside_) self->l_.bytes_beside += n;
      self->read_on();
    });
  }

  void finish() {
    if (beside_) return std::make_shared<download>(l_, true)->start();
    l_.times.push_back(static_cast<std::uint32_t>((steady::now() - begin_) / std::chrono::nanoseconds(1000)));
    l_.bytes += l_.size;
    ++l_.done;
    if (l_.every == 0 && l_.started < l_.requests) std::make_shared<download>(l_)->start();
    if (l_.done == l_.requests) l_.io.stop();
  }

  load& l_;
  tcp::socket socket_;
  const bool beside_;
  const std::uint64_t size_;
  const steady::time_point begin_ = steady::now();
  std::array<unsigned char, 10> request_{}, reply_{};
  std::string head_;
  std::vector<char> body_;
  std::uint64_t left_ = 0;
};

/// Begins requests at fixed times, so that a slow one does not make the others rarer.
class metronome {
 public:
  explicit metronome(load& l) : l_(l), timer_(l.io, steady::now()) {}

  void tick() {
    if (l_.started == l_.requests) return;
    timer_.expires_at(timer_.expiry() + std::chrono::milliseconds(l_.every));
    timer_.async_wait([this](error_code ec) {
      if (ec) return;
      std::make_shared<download>(l_)->start();
      tick();
    });
  }

 private:
  load& l_;
  asio::steady_timer timer_;
};

int run(arguments words) {
  load l;
  // Port 0 stands for no proxy.
  const std::string_view proxy = words.word("the proxy's port");
  l.proxy = static_cast<std::uint16_t>(std::stoul(std::string(proxy)));
  l.target = words.port();
  words.read_values();
  l.requests = words.number("requests", 1, 1, 100'000'000);
  l.together = words.number("together", 1, 1, 10'000);
  l.size = words.number("size", 1024, 1, std::uint64_t{1} << 40);
  l.every = words.number("every", 0, 0, 10'000);
  l.beside = words.number("beside", 0, 0, std::uint64_t{1} << 40);
  words.check_all_used();
  l.times.reserve(l.requests);
  const auto begin = steady::now();
  if (l.beside) std::make_shared<download>(l, true)->start();
  metronome paced(l);
  if (l.every) paced.tick();
  for (std::uint64_t i = 0; !l.every && i < std::min(l.together, l.requests); ++i)
    std::make_shared<download>(l)->start();
  l.io.run();
  const double seconds = seconds_since(begin);
  print_metric("MBps", static_cast<double>(l.bytes) / 1e6 / seconds, "MB/s");
  print_metric("requests_per_s", static_cast<double>(l.done) / seconds, "1/s");
  print_metric("bytes", static_cast<double>(l.bytes), "B");
  if (l.beside) print_metric("beside_MBps", static_cast<double>(l.bytes_beside) / 1e6 / seconds, "MB/s");
  std::sort(l.times.begin(), l.times.end());
  print_metric("p50", l.times[l.times.size() / 2] / 1e3, "ms");
  print_metric("p99", l.times[l.times.size() * 99 / 100] / 1e3, "ms");
  return 0;
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program("socks_load", [&] {
    return bench::run(bench::arguments({argv + 1, static_cast<std::size_t>(argc - 1)}));
  });
}
