// raw_asio server PORT [chunk=N]
// raw_asio client PORT W1|W2|W4|W7 [key=value ...]
// The workloads of mux_bench over plain TCP, one connection for each sub-stream and one callback for each
// operation: what the machine gives. Keys are those of mux_bench.
#include "arguments.hpp"
#include "measure.hpp"

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace bench {

namespace {

using asio::ip::tcp;
using std::error_code;

constexpr std::size_t ping_size = 64;

void check(error_code ec) {
  if (ec) throw failure(fmt::format("the connection failed: {}", ec.message()));
}

/// A connection of the server; it lives as long as it has something to do.
class responder : public std::enable_shared_from_this<responder> {
 public:
  responder(tcp::socket socket, std::size_t chunk) : socket_(std::move(socket)), block_(chunk) {
    socket_.set_option(tcp::no_delay(true));
  }

  void start() {
    asio::async_read(socket_, asio::buffer(&asked_, 1),
                     [self = shared_from_this()](error_code ec, std::size_t) {
                       if (ec) return;
                       if (self->asked_ == 'E') return self->send_back();
                       self->take_all();
                     });
  }

 private:
  void send_back() {
    asio::async_read(
        socket_, asio::buffer(message_), [self = shared_from_this()](error_code failed, std::size_t) {
          if (failed) return;
          auto& s = *self;
          asio::async_write(s.socket_, asio::buffer(s.message_), [self](error_code ec, std::size_t) {
            if (!ec) self->send_back();
          });
        });
  }

  void take_all() {
    asio::async_read(socket_, asio::buffer(&size_, 8),
                     [self = shared_from_this()](error_code ec, std::size_t) {
                       if (ec) return;
                       self->left_ = self->size_;
                       self->take();
                     });
  }

  void take() {
    const auto into = asio::buffer(block_.data(), std::min<std::uint64_t>(block_.size(), left_));
    socket_.async_read_some(into, [self = shared_from_this()](error_code ec, std::size_t n) {
      if (ec) return;
      self->left_ -= n;
      if (self->left_ > 0) return self->take();
      asio::async_write(self->socket_, asio::buffer(&self->size_, 8), [self](error_code, std::size_t) {});
    });
  }

  tcp::socket socket_;
  std::vector<char> block_;
  std::array<char, ping_size> message_{};
  std::uint64_t size_ = 0, left_ = 0;
  char asked_ = 0;
};

void accept_next(tcp::acceptor& acceptor, std::size_t chunk) {
  acceptor.async_accept([&acceptor, chunk](error_code ec, tcp::socket socket) {
    check(ec);
    std::make_shared<responder>(std::move(socket), chunk)->start();
    accept_next(acceptor, chunk);
  });
}

/// What all connections of a client share.
struct client {
  tcp::endpoint server;
  std::size_t chunk = 65536;
  std::uint64_t sent = 0;
  asio::io_context io{1};
};

/// A connection of the client that sends, until the server has reported that it has everything.
class sender {
 public:
  sender(client& c, std::uint64_t size)
      : client_(c), socket_(c.io), block_(c.chunk, 'x'), size_(size), left_(size) {
    socket_.connect(c.server);
    socket_.set_option(tcp::no_delay(true));
    head_[0] = 'S';
    std::memcpy(&head_[1], &size_, 8);
    asio::async_write(socket_, asio::buffer(head_), [this](error_code ec, std::size_t) {
      check(ec);
      send();
    });
  }

 private:
  void send() {
    if (left_ == 0) return confirm();
    const auto from = asio::buffer(block_.data(), std::min<std::uint64_t>(block_.size(), left_));
    asio::async_write(socket_, from, [this](error_code ec, std::size_t n) {
      check(ec);
      left_ -= n;
      client_.sent += n;
      send();
    });
  }

  void confirm() {
    asio::async_read(socket_, asio::buffer(&taken_, 8), [this](error_code ec, std::size_t) {
      check(ec);
      if (taken_ != size_) throw failure(fmt::format("the server took {} bytes of {}", taken_, size_));
    });
  }

  client& client_;
  tcp::socket socket_;
  const std::vector<char> block_;
  std::array<char, 9> head_{};
  std::uint64_t size_, left_, taken_ = 0;
};

/// A connection of the client on which one message goes to and fro.
class pinger {
 public:
  pinger(client& c, steady::time_point end) : socket_(c.io), end_(end) {
    socket_.connect(c.server);
    socket_.set_option(tcp::no_delay(true));
    all.reserve(1 << 18);
    asio::async_write(socket_, asio::buffer("E", 1), [this](error_code ec, std::size_t) {
      check(ec);
      send();
    });
  }
  samples all;

 private:
  void send() {
    begun_ = steady::now();
    if (begun_ >= end_) return socket_.close();
    asio::async_write(socket_, asio::buffer(message_), [this](error_code ec, std::size_t) {
      check(ec);
      receive();
    });
  }

  void receive() {
    asio::async_read(socket_, asio::buffer(message_), [this](error_code ec, std::size_t) {
      check(ec);
      all.push_back(static_cast<std::uint32_t>((steady::now() - begun_).count()));
      send();
    });
  }

  tcp::socket socket_;
  steady::time_point begun_{}, end_;
  std::array<char, ping_size> message_{};
};

struct workload {
  std::uint64_t streams = 1;
  double seconds = 5, least_gibibytes = 4;
  int server_pid = 0;
};

double transfer_all(client& c, std::uint64_t streams, std::uint64_t total) {
  const auto begin = steady::now();
  std::deque<sender> senders;
  for (std::uint64_t i = 0; i < streams; ++i) senders.emplace_back(c, total / streams);
  c.io.restart();
  c.io.run();
  return seconds_since(begin);
}

void run_bulk(client& c, const workload& w) {
  constexpr std::uint64_t warm_up = 1 << 29;
  const double took = transfer_all(c, w.streams, warm_up);
  const auto wanted = std::max(warm_up / took * w.seconds, w.least_gibibytes * (1 << 30));
  const std::uint64_t round = w.streams * c.chunk;
  const std::uint64_t total = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted) / round, 1) * round;
  const stopwatch watch(w.server_pid);
  transfer_all(c, w.streams, total);
  watch.print_transfer(static_cast<double>(total));
}

void run_pings(client& c, const workload& w) {
  const stopwatch watch(w.server_pid);
  const auto end = steady::now() + in_seconds(w.seconds);
  std::deque<pinger> pingers;
  for (std::uint64_t i = 0; i < w.streams; ++i) pingers.emplace_back(c, end);
  c.io.run();
  samples all;
  for (const pinger& p : pingers) all.insert(all.end(), p.all.begin(), p.all.end());
  watch.print_rate("rt_per_s", "cpu_us_per_rt", static_cast<double>(all.size()));
  print_latencies(all);
}

void run_bulk_and_ping(client& c, const workload& w) {
  const sender endless(c, std::uint64_t{1} << 50);
  std::optional<pinger> beside;
  std::uint64_t sent_before = 0;
  steady::time_point begin;
  asio::steady_timer timer(c.io, in_seconds(0.5));
  timer.async_wait([&](error_code) {
    sent_before = c.sent;
    begin = steady::now();
    beside.emplace(c, begin + in_seconds(w.seconds));
    timer.expires_at(begin + in_seconds(w.seconds));
    timer.async_wait([&](error_code) { c.io.stop(); });
  });
  c.io.run();
  const double took = seconds_since(begin);
  print_metric("bulk_MBps", static_cast<double>(c.sent - sent_before) / 1e6 / took, "MB/s");
  print_metric("rt_per_s", static_cast<double>(beside->all.size()) / took, "1/s");
  print_latencies(beside->all);
}

int run_server(arguments& words) {
  const tcp::endpoint where(asio::ip::address_v4::loopback(), words.port());
  words.read_values();
  const auto chunk = words.number("chunk", 65536, 1, 1 << 30);
  words.check_all_used();
  asio::io_context io(1);
  tcp::acceptor acceptor(io, where);
  accept_next(acceptor, chunk);
  io.run();
  return 0;
}

int run_client(arguments& words) {
  client c;
  c.server = {asio::ip::address_v4::loopback(), words.port()};
  const std::string_view name = words.word("the workload");
  words.read_values();
  workload w;
  w.streams = words.number("streams", name == "W2" ? 64 : 1, 1, 65000);
  c.chunk = words.number("chunk", 65536, 1, 1 << 30);
  w.seconds = words.real("secs", 5);
  w.least_gibibytes = words.real("mingib", 4);
  w.server_pid = static_cast<int>(words.number("serverpid", 0, 1, 1 << 30));
  words.check_all_used();
  if (name == "W1" || name == "W2")
    run_bulk(c, w);
  else if (name == "W4")
    run_pings(c, w);
  else if (name == "W7")
    run_bulk_and_ping(c, w);
  else
    throw failure(fmt::format("'{}' is no workload here; it is W1, W2, W4 or W7", name));
  return 0;
}

int dispatch(std::span<char* const> line) {
  arguments words(line);
  const std::string_view command = words.word("the command, server or client,");
  if (command == "server") return run_server(words);
  if (command == "client") return run_client(words);
  throw failure(fmt::format("'{}' is no command; it is server or client", command));
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
  const std::span<char* const> words(argv + 1, static_cast<std::size_t>(argc - 1));
  return bench::run_program("raw_asio", [&] { return bench::dispatch(words); });
}
