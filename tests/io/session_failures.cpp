// The main connection fails at each step, or ends after each byte, on either side, while several sub-streams
// move bytes in both directions: every operation completes, a cut never looks like a clean end, nothing is
// left over.
#include "robustness.hpp"

#include <muxpro/testing/each_failure.hpp>

using namespace io_test;

namespace {

/// What a sub-stream has been through; the other side of the same name has the counterpart.
struct course {
  std::uint64_t tag = 0;
  std::size_t total = 0;  ///< bytes to write before End
  std::size_t heard = 0;
  bool eof = false;
  error_code read_error, write_error, end_error;
};

/// Both directions of one sub-stream; side 0 is the client's.
struct course_pair {
  explicit course_pair(std::uint64_t tag, std::size_t up, std::size_t down)
      : ends{course{2 * tag, up, 0, false, {}, {}, {}}, course{2 * tag + 1, down, 0, false, {}, {}, {}}} {}
  course ends[2];
  bool opened = false;
  error_code open_error;
};

awaitable<> write_to_end(sub_stream& s, course& mine) {
  const auto data = said_by(mine.tag, 0, mine.total);
  const auto [error, n] = co_await asio::async_write(s, asio::buffer(data.data(), data.size()), as_result);
  mine.write_error = error;
  if (error) co_return;
  const auto [failure] = co_await s.async_shutdown(as_result);
  mine.end_error = failure;
}

awaitable<> read_to_end(sub_stream& s, course& mine, std::uint64_t tag) {
  byte_string room(37);
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    CHECK(is_said_by(tag, mine.heard, const_bytes(room).first(n)));
    mine.heard += n;
    mine.eof = error == asio::error::eof;
    mine.read_error = error;
    if (error) co_return;
  }
}

/// One sub-stream on one side: write and read at the same time, both to the end.
struct conversation {
  conversation(sub_stream stream, course_pair& p, int side, asio::io_context& context, ledger& all)
      : s(std::move(stream)) {
    course& mine = p.ends[side];
    asio::co_spawn(context, write_to_end(s, mine), counted(all, [](std::exception_ptr e) { CHECK(!e); }));
    asio::co_spawn(context, read_to_end(s, mine, p.ends[1 - side].tag),
                   counted(all, [](std::exception_ptr e) { CHECK(!e); }));
  }
  sub_stream s;
};

struct course_set {
  std::vector<course_pair> all{course_pair(0, 90, 70), course_pair(1, 0, 120), course_pair(2, 150, 0)};
};

/// A whole life: negotiation, three sub-streams, drain, close. `faulty` is the side with the bad wire.
class scenario {
 public:
  scenario(role faulty, std::shared_ptr<fault> faults) {
    auto [a, b] = make_pipe(context_.get_executor(), 64);
    fault_options none;
    none.read.max_size = none.write.max_size = 25;
    auto good = std::make_shared<fault>(none);
    faults->options.read.max_size = faults->options.write.max_size = 25;
    session_options options;
    options.random_seed = 1;
    options.frame_quantum = 50;
    client_ =
        session(faulty_stream(std::move(a), faulty == role::client ? faults : good), role::client, options);
    server_ =
        session(faulty_stream(std::move(b), faulty == role::server ? faults : good), role::server, options);
  }

  void run() {
    client_.async_handshake(counted(all_, [this](error_code e) {
      handshake_ = e;
      client_.async_run(counted(all_, [this](error_code f) { client_fate_ = f; }));
    }));
    server_.async_run(counted(all_, [this](error_code f) { server_fate_ = f; }));
    accept();
    for (course_pair& p : courses_.all) open(p);
    run_ready(context_);
    client_.async_drain(counted(all_, [this](error_code e) {
      drained_ = e;
      client_.close();
    }));
    run_ready(context_);
  }

  void check(bool failed) {
    // Nothing waits, though no time has passed.
    CHECK(all_.called == all_.begun);
    REQUIRE(client_fate_);
    REQUIRE(server_fate_);
    check_fates(failed);
    for (course_pair& p : courses_.all) check_course(p, failed);
    for (session* s : {&client_, &server_}) {
      CHECK(s->stats().streams == 0);
      CHECK(s->stats().unread == 0);
    }
    talks_.clear();
    run_ready(context_);
    CHECK(all_.alive() == 0);
  }

 private:
  void open(course_pair& p) {
    open_request request(
        destination(network::tcp, "example.com", static_cast<std::uint16_t>(p.ends[0].tag / 2)));
    client_.async_open(std::move(request), counted(all_, [this, &p](error_code e, sub_stream s) {
                         p.opened = !e;
                         p.open_error = e;
                         if (!e) talk(std::move(s), p, 0);
                       }));
  }
  void accept() {
    server_.async_accept(counted(all_, [this](error_code e, sub_stream s) {
      if (e) return;
      course_pair& p = courses_.all.at(s.target().port);
      talk(std::move(s), p, 1);
      accept();
    }));
  }
  void talk(sub_stream s, course_pair& p, int side) {
    talks_.push_back(std::make_unique<conversation>(std::move(s), p, side, context_, all_));
  }

  void check_fates(bool failed) {
    if (!failed) {
      CHECK(!handshake_);
      CHECK(!drained_);
      CHECK(!*client_fate_);
      return;
    }
    // Each error comes from the wire, and its category is Asio's or this library's.
    for (const error_code& e : {*client_fate_, *server_fate_}) {
      const bool known = !e || e == errc::connection_lost || e == asio::error::connection_reset ||
                         e == asio::error::broken_pipe;
      INFO(e.message());
      CHECK(known);
    }
    if (handshake_) CHECK(handshake_ == *client_fate_);
  }

  void check_course(const course_pair& p, bool failed) {
    CAPTURE(p.ends[0].tag);
    if (!failed) CHECK(p.opened);
    if (!p.opened) CHECK(p.open_error == *client_fate_);
    for (const int side : {0, 1}) {
      const course& mine = p.ends[side];
      const course& other = p.ends[1 - side];
      const error_code fate = side == 0 ? *client_fate_ : *server_fate_;
      CAPTURE(side, mine.heard, other.total, mine.read_error.message());
      CHECK(mine.heard <= other.total);
      if (mine.eof) CHECK(mine.heard == other.total);
      if (!failed) CHECK(mine.eof);
      if (mine.read_error && !mine.eof) CHECK(mine.read_error == fate);
      if (mine.write_error) CHECK(mine.write_error == fate);
      if (mine.end_error) CHECK(mine.end_error == fate);
    }
  }

  asio::io_context context_;
  manual_clock clock_{context_};
  ledger all_;
  course_set courses_;
  session client_, server_;
  std::vector<std::unique_ptr<conversation>> talks_;
  std::optional<error_code> client_fate_, server_fate_;
  error_code handshake_, drained_;
};

auto with_bad_wire(role faulty) {
  return [faulty](std::shared_ptr<fault> faults) {
    CAPTURE(static_cast<int>(faulty), faults->options.fail_at.value_or(0),
            faults->options.read.end_after.value_or(0), faults->options.write.end_after.value_or(0));
    scenario s(faulty, faults);
    s.run();
    s.check(faults->fired());
  };
}

// What a peer does that is done, closes, and refuses the CreditUpdate that comes then.
awaitable<> say_all_and_shut_down(scripted_peer& peer) {
  negotiate_version hello{dialect::spec, {}};
  hello.versions.push_back(version_0_1);
  co_await peer.send(hello);
  co_await peer.send(new_tcp(1));
  for (int i = 0; i < 60; ++i)
    co_await peer.send(data_frame(1, 1000), said_by(1, 1000u * static_cast<unsigned>(i), 1000));
  co_await peer.send(end_of(1));
  co_await peer.shutdown();
}

awaitable<> hear_all(session& server, bool& heard) {
  sub_stream s = co_await server.async_accept();
  const read_result got = co_await read_all(s);
  CHECK(got.error == asio::error::eof);
  CHECK(got.data.size() == 60'000);
  CHECK(is_said_by(1, 0, got.data));
  heard = true;
}

/// A client that has negotiated, and whose next write fails.
struct mute_client {
  mute_client() {
    negotiate_version answer{dialect::spec, {}};
    answer.versions.push_back(version_0_1);
    io_test::run(clock, context, peer.send(answer));
  }
  static fault_options faults() {
    fault_options o;
    o.write.fail_at = 1;  // 0 is the negotiation
    o.error = asio::error::broken_pipe;
    return o;
  }

  asio::io_context context;
  manual_clock clock{context};
  std::pair<pipe_end, pipe_end> wire = make_pipe(context.get_executor(), 1 << 20);
  scripted_peer peer{std::move(wire.first)};
  session client{faulty_stream(std::move(wire.second), faults()), role::client};
  fate ended = run_in_background(client);
};

}  // namespace

TEST_CASE("a failed write does not overtake what the peer has sent", "[session][failure]") {
  asio::io_context context;
  manual_clock clock(context);
  auto [near, far] = make_pipe(context.get_executor(), 1 << 20);
  scripted_peer peer(std::move(near));
  fault_options faults;
  faults.write.fail_at = 1;  // 0 is the answer to the negotiation
  faults.error = asio::error::broken_pipe;
  session_options options;
  options.read_buffer = 1024;
  session server(faulty_stream(std::move(far), faults), role::server, options);
  const fate ended = run_in_background(server);
  bool heard = false;
  spawn(context, hear_all(server, heard));
  io_test::run(clock, context, say_all_and_shut_down(peer));
  settle(clock, context);
  CHECK(heard);
  CHECK(ended->has_value());
}

TEST_CASE("a session that cannot write any more does not read for ever", "[session][failure]") {
  mute_client c;
  outcome opened;
  c.client.async_open(to_tcp(), into(opened));
  settle(c.clock, c.context);
  REQUIRE(c.ended->has_value());
  CHECK(**c.ended == asio::error::broken_pipe);
}

TEST_CASE("what a broken gather held fails with its session", "[session][failure]") {
  mute_client c;
  const byte_string data(4096);
  sub_stream stream;
  error_code wrote, drained;
  c.client.async_open(to_tcp(), [&](error_code, sub_stream s) {
    stream = std::move(s);
    stream.async_write_some(asio::buffer(data), [&](error_code e, std::size_t) { wrote = e; });
    c.client.async_drain([&](error_code e) { drained = e; });
  });
  settle(c.clock, c.context);
  CHECK(c.ended->has_value());
  CHECK(wrote == asio::error::broken_pipe);
  CHECK(drained == asio::error::broken_pipe);
}

TEST_CASE("the main connection fails at each step", "[session][failure]") {
  for (const role faulty : {role::client, role::server}) {
    CHECK(muxpro::testing::each_failure(with_bad_wire(faulty)) > 20);
  }
}

TEST_CASE("the main connection ends after each byte that is read", "[session][failure]") {
  for (const role faulty : {role::client, role::server}) {
    CHECK(muxpro::testing::each_eof(with_bad_wire(faulty)) > 200);
  }
}

TEST_CASE("the main connection breaks after each byte that is written", "[session][failure]") {
  for (const role faulty : {role::client, role::server}) {
    CHECK(muxpro::testing::each_cut(with_bad_wire(faulty)) > 200);
  }
}
