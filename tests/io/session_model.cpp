// Two real sessions against a model of what their sub-streams may do: random reads, writes, shutdowns, resets
// and closes, one handler or many in between. After each step, on both sides: what came out is a prefix of
// what went in, with the sub-stream's own tag; balance, flight and unread bytes stay within the window; both
// wires keep the rules.
#include "wire_tap.hpp"

using namespace io_test;

namespace {

struct end_of_life {
  sub_stream s;
  bool reading = false, writing = false, shut = false, closed = false, saw_eof = false;
  std::uint64_t written = 0, offered = 0, got = 0;
  byte_string room;
};

/// One sub-stream, from New to the last End; side 0 is the client's.
struct life {
  explicit life(std::uint64_t t) : tag(t) {}
  std::uint64_t tag;
  end_of_life ends[2];
  bool broken = false;  ///< one side went away before its End(0)
  bool open() const { return ends[0].s.is_open() || ends[1].s.is_open(); }
};
using life_ptr = std::shared_ptr<life>;

session_options without_budgets() {
  session_options o;
  o.premature_end = o.local_reset = o.glitch = rate_limit{1'000'000'000, 0};
  o.local_reset_lifetime = 1'000'000'000;
  return o;
}

session_options random_options(std::mt19937_64& random) {
  session_options o = without_budgets();
  if (random() % 2) o.read_buffer = 1024;
  if (random() % 2) o.session_out_buffer = static_cast<std::uint32_t>(1024 + random() % 4000);
  if (random() % 2) o.frame_quantum = static_cast<std::uint32_t>(1 + random() % 1000);
  if (random() % 2) o.max_window = 65536;
  return o;
}

class model {
 public:
  explicit model(std::uint64_t seed)
      : random_(seed), pair_(context_, random_options(random_), random_() % 3000, random_shape()) {
    accept();
  }
  ~model() { lives_.clear(); }

  void step() {
    const auto dice = random_() % 1000;
    if (dice < 20 && lives_.size() < 6) return open();
    if (dice > 700 || lives_.empty()) return run_handlers(random_() % (random_() % 8 == 0 ? 500 : 10));
    const life_ptr l = lives_[random_() % lives_.size()];
    const int side = static_cast<int>(random_() % 2);
    if (!l->ends[side].s.is_open()) return;
    if (dice < 350) return read(l, side, 1 + random_() % (dice < 40 ? 70'000 : 900));
    if (dice < 690) return write(l, side, 1 + random_() % (dice > 670 ? 100'000 : 600));
    if (dice < 697) return shut_down(l, side);
    if (dice < 699) return close(l, side);
    if (random_() % 2) return reset(l, side);
    destroy(l, side);
  }

  /// What holds at every moment.
  void check() {
    for (const life_ptr& l : lives_) {
      for (const int from : {0, 1}) check_credit(*l, from, false);
    }
  }

  /// What holds once nothing is under way.
  void check_at_rest() {
    run_ready(context_);
    for (const life_ptr& l : lives_) {
      for (const int from : {0, 1}) check_credit(*l, from, true);
    }
    pair_.check();
    expect(!*pair_.client_fate && !*pair_.server_fate, "a session ended");
  }

  /// Lets everything end well, and looks at what is left.
  void finish() {
    for (int round = 0; round < 10'000 && !lives_.empty(); ++round) {
      for (const life_ptr& l : std::vector<life_ptr>(lives_)) {
        for (const int side : {0, 1}) {
          if (l->ends[side].s.is_open()) shut_down(l, side);
          if (l->ends[side].s.is_open()) read(l, side, 60'000);
        }
      }
      run_ready(context_);
      for (const life_ptr& l : std::vector<life_ptr>(lives_)) tidy(l);
    }
    run_ready(context_);
    for (const life_ptr& l : lives_) explain(*l);
    expect(lives_.empty(), "sub-streams do not end");
    expect(pair_.client_rules->settled() && pair_.server_rules->settled(), "an End is missing");
    for (session* s : {&pair_.client, &pair_.server}) check_rest(s->stats());
  }

 private:
  static void expect(bool holds, const char* what) {
    if (!holds) FAIL(what);
  }

  static void explain(const life& l) {
    for (const int side : {0, 1}) {
      const end_of_life& e = l.ends[side];
      UNSCOPED_INFO(fmt::format(
          "tag {} side {}{}{}{}{}{}{}{} written {} got {}", l.tag, side, l.broken ? " broken" : "",
          e.s.is_open() ? " open" : "", e.reading ? " reading" : "", e.writing ? " writing" : "",
          e.shut ? " shut" : "", e.closed ? " closed" : "", e.saw_eof ? " eof" : "", e.written, e.got));
    }
  }

  fault_options random_shape() {
    fault_options o;
    if (random_() % 2 == 0) return o;
    o.seed = random_();
    o.read.max_size = 1 + random_() % 2000;
    o.write.max_size = 1 + random_() % 2000;
    return o;
  }

  void run_handlers(std::size_t n) {
    context_.restart();
    while (n-- > 0 && context_.poll_one() != 0) check();
  }

  void open() {
    auto l = std::make_shared<life>(next_tag_++);
    open_request request(destination(network::tcp, "t" + std::to_string(l->tag), 1));
    request.priority = static_cast<std::uint8_t>(random_());
    const const_bytes first = said_by(2 * l->tag, 0, random_() % 2 ? random_() % 3000 : 0);
    request.first_data.assign(first.begin(), first.end());
    lives_.push_back(l);
    pair_.client.async_open(std::move(request), [l, n = first.size()](error_code error, sub_stream s) {
      expect(!error, "open fails");
      l->ends[0].s = std::move(s);
      l->ends[0].written = l->ends[0].offered = n;
    });
    while (!l->ends[0].s.is_open()) {
      context_.restart();
      expect(context_.poll_one() != 0, "open does not end");
    }
  }

  void accept() {
    pair_.server.async_accept([this](error_code error, sub_stream s) {
      if (error) return;
      const std::uint64_t tag = std::stoull(std::string(s.target().host.domain().substr(1)));
      for (const life_ptr& l : lives_) {
        if (l->tag == tag) l->ends[1].s = std::move(s);
      }
      accept();
    });
  }

  void read(const life_ptr& l, int side, std::size_t n) {
    end_of_life& e = l->ends[side];
    if (e.reading || e.saw_eof) return;
    e.reading = true;
    e.room.resize(n);
    e.s.async_read_some(asio::buffer(e.room),
                        [this, l, side](error_code error, std::size_t m) { was_read(l, side, error, m); });
  }

  void was_read(const life_ptr& l, int side, error_code error, std::size_t n) {
    end_of_life& e = l->ends[side];
    const end_of_life& other = l->ends[1 - side];
    e.reading = false;
    const auto tag = 2 * l->tag + static_cast<unsigned>(1 - side);
    expect(is_said_by(tag, e.got, const_bytes(e.room).first(n)), "other bytes than were written");
    e.got += n;
    expect(e.got <= other.offered, "more bytes than were written");
    if (error == asio::error::eof) {
      e.saw_eof = true;
      expect(other.shut && e.got == other.written, "eof before the last byte");
    } else if (error) {
      expect(l->broken || e.closed, "a read fails");
      if (l->broken) e.s = sub_stream();
    }
    tidy(l);
  }

  void write(const life_ptr& l, int side, std::size_t n) {
    end_of_life& e = l->ends[side];
    if (e.writing || e.shut) return;
    e.writing = true;
    const const_bytes data = said_by(2 * l->tag + static_cast<unsigned>(side), e.written, n);
    e.offered = e.written + n;
    e.s.async_write_some(asio::buffer(data.data(), n), [this, l, side](error_code error, std::size_t m) {
      end_of_life& w = l->ends[side];
      w.writing = false;
      w.written += m;
      w.offered = w.written;
      expect(error || m > 0, "a write of nothing");
      if (!error) return;
      expect(l->broken, "a write fails");
      w.s = sub_stream();
      tidy(l);
    });
  }

  void shut_down(const life_ptr& l, int side) {
    end_of_life& e = l->ends[side];
    if (e.shut) return;
    e.shut = true;
    e.s.async_shutdown([this, l, side](error_code error) {
      expect(!error || l->broken || l->ends[side].closed, "a shutdown fails");
      tidy(l);
    });
  }

  /// End(0) and no more interest, which is a reset while a write is pending.
  void close(const life_ptr& l, int side) {
    end_of_life& e = l->ends[side];
    if (e.writing) l->broken = true;
    e.shut = e.closed = true;
    e.s.close();
  }
  void reset(const life_ptr& l, int side) {
    l->broken = true;
    l->ends[side].s.reset(static_cast<end_code>(1 + random_() % 6));
  }
  /// As close().
  void destroy(const life_ptr& l, int side) {
    end_of_life& e = l->ends[side];
    if (e.writing) l->broken = true;
    e.shut = e.closed = true;
    e.s = sub_stream();
    tidy(l);
  }

  /// Handles go when there is nothing left to do with them.
  void tidy(const life_ptr& l) {
    for (const int side : {0, 1}) {
      end_of_life& e = l->ends[side];
      const end_of_life& other = l->ends[1 - side];
      if (e.reading || e.writing || !e.s.is_open()) continue;
      if ((e.shut && e.saw_eof) || e.closed || (e.saw_eof && other.closed)) {
        if (!e.shut) e.s.close();
        e.shut = true;
        e.s = sub_stream();
      }
    }
    if (l->open()) return;
    std::erase(lives_, l);
  }

  void check_credit(const life& l, int from, bool at_rest) {
    const end_of_life& sender = l.ends[from];
    const end_of_life& receiver = l.ends[1 - from];
    if (l.broken || sender.closed || receiver.closed || !sender.s.is_open() || !receiver.s.is_open()) return;
    const stream_stats out = sender.s.stats(), in = receiver.s.stats();
    expect(out.sent.bytes >= in.received.bytes, "more came than was sent");
    const std::uint64_t flight = out.sent.bytes - in.received.bytes;
    expect(out.send_credit + flight + in.unread <= in.receive_window, "more credit than window");
    if (!at_rest || sender.shut) return;
    expect(flight == 0, "bytes are stuck");
    const std::uint64_t owed = in.receive_window - out.send_credit - in.unread;
    expect(owed < std::min<std::uint64_t>(in.receive_window / 2, 256 * 1024), "a grant is missing");
    if (sender.writing) expect(out.send_credit == 0, "a write waits although there is credit");
    if (receiver.reading) expect(in.unread == 0, "a read waits although there are bytes");
  }

  void check_rest(const session_stats& s) {
    expect(s.streams == 0, "sub-streams are left");
    expect(s.unread == 0, "bytes are left");
    expect(s.queued_streams == 0 && s.queued_control == 0, "something is still queued");
    expect(s.glitches == 0, "glitches between two of a kind");
    std::uint64_t ends = 0;
    for (const auto& [code, n] : s.ends_sent) ends += n;
    expect(ends == s.opened, "not one End for each sub-stream");
  }

  asio::io_context context_;
  manual_clock clock_{context_};
  std::mt19937_64 random_;
  std::vector<life_ptr> lives_;
  watched_pair pair_;
  std::uint64_t next_tag_ = 1;
};

void run_model(std::uint64_t seed, std::size_t n) {
  CAPTURE(seed);
  model m(seed);
  for (std::size_t i = 0; i < n; ++i) {
    m.step();
    m.check();
    if (i % 2000 == 1999) m.check_at_rest();
  }
  m.check_at_rest();
  m.finish();
}

/// Writes `total` bytes with one operation after the other.
awaitable<> say(sub_stream& s, std::uint64_t tag, std::size_t total) {
  for (std::uint64_t at = 0; at < total;) {
    const const_bytes part = said_by(tag, at, std::min<std::size_t>(total - at, 50'000));
    at += co_await s.async_write_some(asio::buffer(part.data(), part.size()), asio::use_awaitable);
  }
  co_await s.async_shutdown(asio::use_awaitable);
}

awaitable<> hear(sub_stream& s, std::uint64_t tag, std::size_t total) {
  byte_string room(3000);
  std::uint64_t at = 0;
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    if (!is_said_by(tag, at, const_bytes(room).first(n)))
      throw std::runtime_error("other bytes than were written");
    at += n;
    if (error == asio::error::eof) break;
    if (error) throw std::system_error(error);
  }
  if (at != total) throw std::runtime_error("not all bytes came");
}

}  // namespace

TEST_CASE("a million random steps agree with the model", "[session][model]") {
  const std::size_t n = steps(100'000);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) run_model(seed, n);
}

TEST_CASE("mutual bulk through the smallest pipes", "[session][model]") {
  constexpr std::size_t n = 2;
  for (const std::size_t capacity : {0u, 1u, 7u, 1000u}) {
    CAPTURE(capacity);
    const std::size_t total = capacity == 1 || capacity == 7 ? 2'000 : 80'000;  // these go byte by byte
    asio::io_context context;
    manual_clock clock(context);
    session_options options;
    options.read_buffer = options.session_out_buffer = 1024;
    options.frame_quantum = 300;
    options.max_window = 65536;
    watched_pair p(context, options, capacity);
    std::vector<outcome> opened(n), accepted(n);
    for (outcome& o : opened) p.client.async_open(to_tcp(), into(o));
    for (outcome& o : accepted) p.server.async_accept(into(o));
    run_ready(context);
    for (std::size_t i = 0; i < n; ++i) {
      spawn(context, say(opened[i].stream, 2 * i, total));
      spawn(context, say(accepted[i].stream, 2 * i + 1, total));
      spawn(context, hear(opened[i].stream, 2 * i + 1, total));
      spawn(context, hear(accepted[i].stream, 2 * i, total));
    }
    run_ready(context);
    p.check();
    CHECK(p.client_rules->settled());
    CHECK(p.client.stats().streams == 0);
    CHECK(p.server.stats().streams == 0);
  }
}

TEST_CASE("datagrams of all sizes go on arriving", "[session][model][datagram]") {
  asio::io_context context;
  manual_clock clock(context);
  session_pair p(context);
  outcome opened, accepted;
  p.client.async_open(to_udp(), into(opened));
  p.server.async_accept(into(accepted));
  run_ready(context);
  sub_datagram from(std::move(opened.stream)), to(std::move(accepted.stream));
  byte_string room(65536);
  host_port source;
  // What was consumed may be too little for a grant, and what is left too little for the next datagram.
  for (const std::size_t size : {30'000u, 60'000u, 65'507u, 1u, 65'507u, 20'000u, 65'000u}) {
    CAPTURE(size);
    const const_bytes data = said_by(size, 0, size);
    outcome sent, received;
    from.async_send(asio::buffer(data.data(), size), into(sent));
    to.async_receive_from(asio::buffer(room), source, into(received));
    run_ready(context);
    CHECK(sent.is({}));
    REQUIRE(received.is({}));
    REQUIRE(received.n == size);
    CHECK(is_said_by(size, 0, const_bytes(room).first(size)));
  }
}
