// No operation of a pipe waits for what is there: whatever reads and whatever writes.
#include "catch.hpp"
#include "flow_support.hpp"

#include <muxpro/pipe.hpp>

#include <random>

namespace {

using namespace muxpro;
using access = detail::relay_access<pipe_end>;
using detail::relay_buffer;

constexpr std::size_t most_bytes = 8192;

/// A relay's buffer with the large memory, and the operation that it is in.
struct relaying : test::operation {
  relaying() : buffer(most_bytes) { refill(); }
  /// A read that fills all of it keeps the large memory.
  void refill() {
    buffer.filled(buffer.room().size());
    buffer.consume(buffer.size());
  }
  relay_buffer buffer;
};

/// The two ends of a pipe, each with operations of every kind.
class pipe_in_use {
 public:
  explicit pipe_in_use(std::size_t capacity) {
    std::tie(near_, far_) = make_pipe(context_.get_executor(), capacity);
  }

  void write(std::size_t size, unsigned kind) {
    if (from_.pending) return;
    settle_write();
    giving_ = kind % 2 == 0;
    if (!giving_) {
      plain_out_ = test::pattern(size, written_);
      return near_.async_write_some(asio::buffer(plain_out_), from_.handler());
    }
    from_.refill();
    const asio::mutable_buffer room = from_.buffer.room();
    const std::size_t n = std::min(size, room.size());
    test::fill_pattern(std::span(static_cast<std::byte*>(room.data()), n), written_);
    from_.buffer.filled(n);
    detail::give(near_, from_.buffer, from_.handler());
  }

  void read(std::size_t size, unsigned kind) {
    if (to_.pending) return;
    settle_read();
    kind_ = kind % 3;
    if (kind_ == 0) {
      to_.refill();
      detail::take(far_, to_.buffer, to_.handler());
    } else if (kind_ == 1) {
      plain_in_.resize(size);
      far_.async_read_some(asio::buffer(plain_in_), to_.handler());
    } else {
      sink_ = {};
      sink_.room = size;
      access::flow(far_, sink_, to_.handler());
    }
  }

  void cancel(bool reader) { (reader ? to_ : from_).stop.emit(asio::cancellation_type::total); }

  void run_ready() {
    context_.restart();
    context_.poll();
    settle_write();
    settle_read();
  }

  bool reads() const { return to_.pending; }
  bool writes() const { return from_.pending; }
  std::size_t unread() const { return far_.available(); }
  std::uint64_t bytes_read() const { return read_ + (kind_ == 2 && to_.pending ? sink_.got.size() : 0); }
  std::uint64_t bytes_written() const { return written_; }

 private:
  void settle_write() {
    if (from_.pending) return;
    written_ += std::exchange(from_.n, 0);
    from_.buffer.consume(from_.buffer.size());
  }
  void settle_read() {
    if (to_.pending || kind_ == none) return;
    const std::size_t n = std::exchange(to_.n, 0);
    if (kind_ == 0) to_.buffer.filled(n);
    const auto* const data = static_cast<const std::byte*>(to_.buffer.bytes().data());
    const auto got = kind_ == 0   ? std::span(data, n)
                     : kind_ == 1 ? std::span<const std::byte>(plain_in_).first(n)
                                  : std::span<const std::byte>(sink_.got);
    REQUIRE(test::has_pattern(got, read_));
    read_ += got.size();
    if (kind_ == 0) to_.buffer.consume(n);
    kind_ = none;
  }

  static constexpr unsigned none = 9;

  asio::io_context context_;
  pipe_end near_, far_;
  relaying from_, to_;
  test::byte_string plain_out_, plain_in_;
  test::bounded_sink sink_;
  bool giving_ = false;
  unsigned kind_ = none;
  std::uint64_t written_ = 0, read_ = 0;
};

}  // namespace

TEST_CASE("a plain read gets the bytes of a relay that waits to hand its memory over", "[pipe]") {
  for (const std::size_t size : {most_bytes, std::size_t{2049}}) {
    pipe_in_use p(65536);
    p.write(size, 0);
    p.run_ready();
    REQUIRE(p.writes());
    p.read(100, 1);
    p.run_ready();
    CHECK_FALSE(p.reads());
    CHECK(p.bytes_read() == 100);
    CHECK_FALSE(p.writes());
    p.read(most_bytes, 1);
    p.run_ready();
    CHECK(p.bytes_read() == p.bytes_written());
  }
}

TEST_CASE("a plain read that waits gets the bytes of a relay that comes", "[pipe]") {
  pipe_in_use p(65536);
  p.read(100, 1);
  p.write(most_bytes, 0);
  p.run_ready();
  CHECK_FALSE(p.reads());
  CHECK_FALSE(p.writes());
  CHECK(p.bytes_read() == 100);
  CHECK(p.bytes_written() == 100);  // the rest stays where a relay can take it over
  CHECK(p.unread() == 0);
}

TEST_CASE("a write goes on waiting when a sink that is full takes nothing of it", "[pipe]") {
  pipe_in_use p(0);
  p.write(100, 1);
  p.run_ready();
  REQUIRE(p.writes());
  p.read(0, 2);
  p.run_ready();
  CHECK_FALSE(p.reads());
  CHECK(p.writes());
  p.read(100, 1);
  p.run_ready();
  CHECK(p.bytes_read() == 100);
  CHECK_FALSE(p.writes());
}

TEST_CASE("a write after a shutdown reports that, although the peer has gone since", "[pipe]") {
  asio::io_context context;
  auto [near, far] = make_pipe(context.get_executor());
  near.async_shutdown([](error_code) {});
  far.close();
  test::operation write;
  near.async_write_some(asio::buffer("data", 4), write.handler());
  context.poll();
  CHECK(write.ended(errc::already_shut_down, 0));
}

TEST_CASE("reads and writes of any kind never wait for each other, and all end", "[pipe]") {
  const std::size_t capacity = GENERATE(0u, 1u, 100u, 65536u);
  std::mt19937_64 random(17);
  pipe_in_use p(capacity);
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t size = 1 + random() % (random() % 3 == 0 ? most_bytes : 300);
    const auto kind = static_cast<unsigned>(random());
    switch (random() % 8) {
      case 0: p.cancel(random() % 2 == 0); break;
      case 1:
      case 2:
      case 3: p.write(size, kind); break;
      default: p.read(size, kind);
    }
    if (random() % 4 == 0) continue;
    p.run_ready();
    INFO("step " << step);
    REQUIRE_FALSE((p.reads() && p.writes()));
    REQUIRE_FALSE((p.reads() && p.unread() > 0));
  }
  // From here on no operation is cancelled: each must end by what the other side does.
  const std::uint64_t before = p.bytes_read();
  for (unsigned i = 0; i < 3000; ++i) {
    p.write(1 + random() % most_bytes, static_cast<unsigned>(random()));
    p.run_ready();
    p.read(1 + random() % most_bytes, static_cast<unsigned>(random()));
    p.run_ready();
    REQUIRE_FALSE((p.reads() && p.writes()));
  }
  for (int i = 0; i < 100 && (p.writes() || p.unread() > 0); ++i) {
    p.read(most_bytes, 1);
    p.run_ready();
  }
  CHECK_FALSE(p.writes());
  CHECK(p.unread() == 0);
  CHECK(p.bytes_read() == p.bytes_written());
  CHECK(p.bytes_read() > before + 1'000'000);
}
