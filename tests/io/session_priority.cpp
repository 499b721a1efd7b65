// Which sub-stream is served when all have data: priorities, fairness, control before data.
#include "session_support.hpp"

#include <numeric>

namespace {

using namespace io_test;

using slow_pipe = faulty_stream<pipe_end>;

struct flow {
  std::uint8_t priority = 0;
  std::size_t write_size = 1 << 20;
  bool upwards = true;  ///< from the client
};

/// A link of so many bytes in a second in each direction with flows that never have enough.
class saturated_link {
 public:
  explicit saturated_link(const std::vector<flow>& flows, double bytes_per_second = 1e6) {
    fault_options slow;
    slow.bytes_per_second = bytes_per_second;
    auto [a, b] = make_pipe(context_.get_executor(), 4096);
    pair_.emplace(session(slow_pipe(std::move(a), slow), role::client),
                  session(slow_pipe(std::move(b), slow), role::server));
    for (const flow& f : flows) run(clock_, context_, begin(f));
  }

  /// Bytes that each flow delivered in that time, after a time to settle.
  std::vector<double> delivered_in(duration time) {
    clock_.run_for(context_, 3s);
    const std::vector<double> before = delivered();
    clock_.run_for(context_, time);
    std::vector<double> after = delivered();
    for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    return after;
  }

  /// Payload bytes of a frame, in the mean of that time, after as long a time to settle.
  double frame_size_in(duration time) {
    clock_.run_for(context_, time);
    const traffic before = received();
    clock_.run_for(context_, time);
    const traffic after = received();
    return static_cast<double>(after.bytes - before.bytes) /
           static_cast<double>(after.frames - before.frames);
  }

 private:
  awaitable<> begin(flow f) {
    ends_.push_back(std::make_unique<stream_pair>());
    stream_pair& s = *ends_.back();
    s = co_await open_pair(*pair_, to_tcp(f.priority));
    sub_stream& from = f.upwards ? s.client : s.server;
    sub_stream& to = f.upwards ? s.server : s.client;
    sinks_.push_back(&to);
    spawn(context_, write_for_ever(from, f.write_size));
    spawn(context_, read_for_ever(to));
  }
  static awaitable<> write_for_ever(sub_stream& s, std::size_t size) {
    const byte_string data(size);
    for (;;) {
      const auto [error, n] = co_await asio::async_write(s, asio::buffer(data), as_result);
      if (error) co_return;
    }
  }
  static awaitable<> read_for_ever(sub_stream& s) {
    byte_string buffer(65536);
    for (;;) {
      const auto [error, n] = co_await s.async_read_some(asio::buffer(buffer), as_result);
      if (error) co_return;
    }
  }
  traffic received() const {
    traffic all;
    for (const sub_stream* s : sinks_) {
      all.frames += s->stats().received.frames;
      all.bytes += s->stats().received.bytes;
    }
    return all;
  }
  std::vector<double> delivered() const {
    std::vector<double> out;
    for (const sub_stream* s : sinks_) out.push_back(static_cast<double>(s->stats().received.bytes));
    return out;
  }

  asio::io_context context_;
  manual_clock clock_{context_};
  std::optional<session_pair> pair_;
  std::vector<std::unique_ptr<stream_pair>> ends_;
  std::vector<sub_stream*> sinks_;
};

std::vector<double> deliver(const std::vector<flow>& flows, duration time = 20s) {
  saturated_link link(flows);
  return link.delivered_in(time);
}

double jain_index(const std::vector<double>& x) {
  const double sum = std::accumulate(x.begin(), x.end(), 0.0);
  const double squares = std::inner_product(x.begin(), x.end(), x.begin(), 0.0);
  return sum * sum / (static_cast<double>(x.size()) * squares);
}

void check_ratio(std::size_t write_size, bool upwards) {
  INFO("writes of " << write_size << (upwards ? ", client to server" : ", server to client"));
  const auto got = deliver({{0, write_size, upwards}, {255, write_size, upwards}});
  INFO(got[0] << " : " << got[1]);
  CHECK(got[0] >= 4 * got[1]);
  CHECK(got[0] <= 32 * got[1]);
  CHECK(got[0] + got[1] > 0.95 * 20e6);
}

// --- control before data

session_options small_gathers() {
  session_options o;
  o.session_out_buffer = 16 * 1024;
  o.frame_quantum = 4 * 1024;
  return o;
}

awaitable<> control_overtakes(scripted_session& s) {
  co_await s.agree();
  sub_stream first = co_await s.subject.async_open(to_tcp());
  sub_stream second = co_await s.subject.async_open(to_tcp());
  sub_stream third = co_await s.subject.async_open(to_tcp());
  co_await s.peer.expect(new_tcp(1));
  co_await s.peer.expect(new_tcp(2));
  co_await s.peer.expect(new_tcp(3));
  co_await s.peer.send(data_frame(3, 40'000), byte_string(40'000));
  const byte_string data(60'000);
  byte_string room(40'000);
  expected_completion one, two, read;
  asio::async_write(first, asio::buffer(data), one.handler());
  asio::async_write(second, asio::buffer(data), two.handler());
  co_await yield();  // a gather write is on its way now, and stuck
  sub_stream fourth = co_await s.subject.async_open(with_data("urgent"));
  third.async_read_some(asio::buffer(room), read.handler());
  co_await yield();
  first.reset(end_code::timeout);
  std::size_t data_before = 0;
  std::vector<std::string> control;
  while (control.size() < 3) {
    const auto f = co_await s.peer.expect_frame();
    if (std::holds_alternative<keep>(f.header))
      data_before += f.payload.size();
    else
      control.push_back(words(f));
  }
  CHECK(data_before <= 16 * 1024);
  CHECK(control == std::vector<std::string>{"new 4 +6", "end 1 code 2", "credit 3 40000"});
}

// Of a gather of 32 KiB two sub-streams have 16 KiB each.
awaitable<> quanta(scripted_session& s) {
  co_await s.agree();
  sub_stream first = co_await s.subject.async_open(to_tcp());
  sub_stream second = co_await s.subject.async_open(to_tcp());
  co_await s.peer.expect(new_tcp(1));
  co_await s.peer.expect(new_tcp(2));
  const byte_string data(65536);
  expected_completion one, two;
  asio::async_write(first, asio::buffer(data), one.handler());
  asio::async_write(second, asio::buffer(data), two.handler());
  for (std::size_t left = 2 * data.size(); left > 0;) {
    const auto f = co_await s.peer.expect_frame();
    CHECK(std::holds_alternative<keep>(f.header));
    CHECK(!f.payload.empty());
    if (left > data.size()) CHECK(f.payload.size() <= 16 * 1024);
    left -= f.payload.size();
  }
}

}  // namespace

TEST_CASE("priority 0 gets 4 to 32 times as much as 255", "[session][priority]") {
  check_ratio(1 << 20, true);
  check_ratio(1 << 20, false);
}

TEST_CASE("priority holds whatever the size of writes", "[session][priority]") {
  for (const std::size_t size : {4'000U, 16'384U, 65'536U, 200'000U}) {
    check_ratio(size, true);
  }
}

TEST_CASE("priorities between are served between", "[session][priority]") {
  const auto got = deliver({{0}, {64}, {128}, {255}});
  CHECK(got[0] > got[1]);
  CHECK(got[1] > got[2]);
  CHECK(got[2] > got[3]);
}

TEST_CASE("a hundred urgent sub-streams do not starve one of the lowest priority", "[session][priority]") {
  std::vector<flow> flows(100);
  flows.push_back({255});
  const auto got = deliver(flows);
  const double total = std::accumulate(got.begin(), got.end(), 0.0);
  CHECK(got.back() >= total / 64);
}

TEST_CASE("equal priorities share equally", "[session][priority]") {
  CHECK(jain_index(deliver(std::vector<flow>(16))) >= 0.95);
  CHECK(jain_index(deliver(std::vector<flow>(16, flow{7, 65536, false}))) >= 0.95);
}

TEST_CASE("equal priorities share equally whatever the size of writes", "[session][priority]") {
  std::vector<flow> flows;
  for (std::size_t i = 0; i < 16; ++i) flows.push_back({0, std::size_t{16'384} << (i % 5)});
  CHECK(jain_index(deliver(flows)) >= 0.95);
}

TEST_CASE("frames of sub-streams that wait for each other are longer on a fast main connection",
          "[session][priority]") {
  const std::vector<flow> flows(24);
  CHECK(saturated_link(flows, 1e6).frame_size_in(3s) <= 16 * 1024);
  CHECK(saturated_link(flows, 500e6).frame_size_in(100ms) >= 20 * 1024);
}

TEST_CASE("control frames overtake queued data", "[session][priority]") {
  with_script(role::client, control_overtakes, small_gathers(), 1000);
}

TEST_CASE("while several sub-streams wait, frames are quanta", "[session][priority]") {
  session_options o;
  o.session_out_buffer = 32 * 1024;
  SECTION("of their share of a gather") { o.frame_quantum = 4 * 1024; }
  SECTION("of the least size") { o.session_out_buffer = 20 * 1024; }
  with_script(role::client, quanta, o, 1000);
}
