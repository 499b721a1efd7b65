// Reads, writes and shutdowns of busy sub-streams, cancelled at random moments: no byte is lost, none comes
// twice.
#include "wire_tap.hpp"

using namespace io_test;

namespace {

struct pending {
  std::unique_ptr<asio::cancellation_signal> stop = std::make_unique<asio::cancellation_signal>();
  bool busy = false;
  std::size_t cancelled = 0;
};

/// One end of a sub-stream, which sends the bytes of `tag` and receives those of the other end.
struct talker {
  sub_stream s;
  std::uint64_t tag = 0, said = 0, heard = 0;
  pending reading, writing, shutting;
  byte_string room;
  bool shut = false, eof = false;
};

class busy_pair {
 public:
  explicit busy_pair(std::uint64_t seed) : random_(seed), pair_(context_, options(), random_() % 2000) {
    std::vector<outcome> opened(streams), accepted(streams);
    for (outcome& o : opened) pair_.client.async_open(to_tcp(), into(o));
    for (outcome& o : accepted) pair_.server.async_accept(into(o));
    run_ready(context_);
    for (std::size_t i = 0; i < streams; ++i) {
      talkers_[2 * i].s = std::move(opened[i].stream);
      talkers_[2 * i + 1].s = std::move(accepted[i].stream);
    }
    for (std::size_t i = 0; i < talkers_.size(); ++i) talkers_[i].tag = i;
  }

  void step() {
    talker& t = talkers_[random_() % talkers_.size()];
    switch (random_() % 8) {
      case 0: return read(t, 1 + random_() % (random_() % 4 ? 60'000 : 500));
      case 1: return write(t, 1 + random_() % (random_() % 30 ? 3'000 : 100'000));
      case 2: return cancel(t.reading);
      case 3: return cancel(t.writing);
      case 4: return shut_down_and_think_again(t);
      case 5: return cancel(t.shutting);
      default: break;
    }
    context_.restart();
    for (auto n = random_() % 20; n > 0; --n) context_.poll_one();
  }

  void finish() {
    while (!std::all_of(talkers_.begin(), talkers_.end(), [](const talker& t) { return t.eof; })) {
      for (talker& t : talkers_) {
        read(t, 60'000);
        shut_down(t);
      }
      run_ready(context_);
    }
    for (std::size_t i = 0; i < talkers_.size(); ++i) CHECK(talkers_[i].heard == talkers_[i ^ 1].said);
    CHECK(pair_.client.stats().streams == 0);
    CHECK(pair_.server.stats().streams == 0);
    std::size_t reads = 0, writes = 0, shutdowns = 0;
    for (const talker& t : talkers_) {
      reads += t.reading.cancelled;
      writes += t.writing.cancelled;
      shutdowns += t.shutting.cancelled;
    }
    CHECK(reads > 0);
    CHECK(writes > 0);
    CHECK(shutdowns > 0);
    pair_.check();
  }

 private:
  static constexpr std::size_t streams = 4;

  session_options options() {
    session_options o;
    if (random_() % 2) o.session_out_buffer = 1024;
    if (random_() % 2) o.frame_quantum = 300;
    if (random_() % 2) o.read_buffer = 1024;
    return o;
  }

  void cancel(pending& p) {
    constexpr asio::cancellation_type types[] = {
        asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total};
    if (p.busy) p.stop->emit(types[random_() % 3]);
  }

  template <class Done>
  static auto begin(pending& p, Done done) {
    p.busy = true;
    return asio::bind_cancellation_slot(p.stop->slot(), [&p, done](error_code error, std::size_t n = 0) {
      p.busy = false;
      if (error == asio::error::operation_aborted) {
        ++p.cancelled;
        if (n > 0) FAIL("a cancelled operation has moved bytes");
      }
      done(error, n);
    });
  }

  void read(talker& t, std::size_t n) {
    if (t.reading.busy || t.eof) return;
    t.room.resize(n);
    t.s.async_read_some(asio::buffer(t.room), begin(t.reading, [&t](error_code error, std::size_t m) {
                          if (!is_said_by(t.tag ^ 1, t.heard, const_bytes(t.room).first(m)))
                            FAIL("other bytes");
                          t.heard += m;
                          t.eof = error == asio::error::eof;
                        }));
  }
  void write(talker& t, std::size_t n) {
    if (t.writing.busy || t.shutting.busy || t.shut) return;
    const const_bytes data = said_by(t.tag, t.said, n);
    t.s.async_write_some(asio::buffer(data.data(), n),
                         begin(t.writing, [&t](error_code error, std::size_t m) {
                           t.said += m;
                           if (!error && m == 0) FAIL("a write of nothing");
                         }));
  }
  /// Behind a write that has only just begun, so that the shutdown must wait.
  void shut_down_and_think_again(talker& t) {
    if (t.writing.busy || t.shut) return;
    write(t, 1'000);
    shut_down(t);
    if (random_() % 100) cancel(t.shutting);
  }
  void shut_down(talker& t) {
    if (t.shutting.busy || t.shut) return;
    t.s.async_shutdown(begin(t.shutting, [&t](error_code error, std::size_t) { t.shut = !error; }));
  }

  asio::io_context context_;
  manual_clock clock_{context_};
  std::mt19937_64 random_;
  watched_pair pair_;
  std::array<talker, 2 * streams> talkers_;
};

}  // namespace

TEST_CASE("cancellation at random moments neither loses nor repeats a byte", "[session][cancellation]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    busy_pair p(seed);
    for (std::size_t i = 0; i < steps(20'000); ++i) p.step();
    p.finish();
  }
}
