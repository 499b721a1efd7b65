// What two sessions and their applications may do to each other, driven by an input.
#pragma once

#include "tagged_life.hpp"

#include "../wire_rules.hpp"

#include <muxpro/pipe.hpp>
#include <muxpro/testing/faulty_stream.hpp>
#include <muxpro/testing/manual_clock.hpp>

#include <asio/io_context.hpp>

#include <array>
#include <memory>
#include <string>

namespace fuzz {

using namespace std::chrono_literals;

class pair_model {
 public:
  explicit pair_model(const_bytes in) : in_(in) {
    constexpr std::array<std::size_t, 4> capacities{65536, 0, 300, 4000};
    const muxpro::session_options options = chosen_options();
    auto [a, b] = muxpro::make_pipe(context_.get_executor(), capacities[in_.below(4)]);
    sessions_[0] = over(std::move(a), 0, options);
    sessions_[1] = over(std::move(b), 1, options);
    for (const std::size_t side : {0u, 1u})
      sessions_[side].async_run(counted(world_.handlers, [this, side](error_code ec) { ended(side, ec); }));
    accept();
    settle();
  }

  void run() {
    while (!in_.over()) {
      step();
      check();
    }
    settle();
    check();
    if (!world_.cut()) finish();
    end();
  }

 private:
  muxpro::session_options chosen_options() {
    muxpro::session_options o;
    o.random_seed = 1;
    o.process_budget = budget_;
    o.read_buffer = 4096;
    const std::uint8_t small = in_.byte();
    if (small & 1) o.read_buffer = 1024;
    if (small & 2) o.session_out_buffer = 1024;
    if (small & 4) o.frame_quantum = 100;
    if (small & 8) o.max_window = 65536;
    if (small & 16) o.datagram_queue = 2;
    if (small & 32) o.read_budget_frames = 1;
    for (const auto& r : rules_) r->lags = (small & 32) != 0;
    o.glitch = o.local_reset = o.premature_end = o.empty_frames = o.keep_alive_budget = {1'000'000'000, 0};
    o.local_reset_lifetime = 1'000'000'000;
    o.stream_idle = o.half_close_linger = o.credit_stall_timeout = o.session_idle = 24h * 365;
    return o;
  }

  muxpro::session over(muxpro::pipe_end end, std::size_t side, const muxpro::session_options& options) {
    auto& f = *world_.faults[side];
    if (in_.flag()) {
      f.options.seed = 1 + in_.byte();
      f.options.read.max_size = 64 + in_.byte() * 8u;
      f.options.write.max_size = 64 + in_.byte() * 8u;
    }
    using stream = test::wire_tap<muxpro::testing::faulty_stream<muxpro::pipe_end>>;
    return muxpro::session(
        stream(muxpro::testing::faulty_stream(std::move(end), world_.faults[side]), rules_[side]),
        side == 0 ? muxpro::role::client : muxpro::role::server, options);
  }

  // Without a cut a session ends by close() alone.
  void ended(std::size_t side, error_code ec) {
    if (!world_.cut() && !world_.closing)
      must(false, ("no session ends without a reason: " + ec.message()).c_str());
    over_[side] = true;
  }

  void step() {
    const std::size_t what = in_.below(16);
    if (what == 0) return open();
    if (what == 1) return settle();
    if (what < 4) return run_handlers(in_.below(32));
    if (what == 4) return seldom();
    if (lives_.empty()) return;
    const life_ptr l = lives_[in_.below(lives_.size())];
    const std::size_t side = in_.flag() ? 1 : 0;
    if (!l->halves[side].is_open()) return;
    if (what < 9) return say_.read(l, side, 1 + in_.size());
    if (what < 13) return say_.write(l, side, 1 + in_.size());
    if (what == 13) return say_.shut_down(l, side);
    if (what == 14) return say_.interrupt(l, side, in_);
    if (in_.byte() < 64) say_.leave(l, side, in_);
  }

  void seldom() {
    const std::size_t what = in_.below(16);
    if (what < 4)
      return clock_.run_for(context_, what == 0 ? 1ms : what == 1 ? 100ms : what == 2 ? 1100ms : 15s);
    if (what == 4) cut_wire();
    if (what == 5) drop_at_a_byte();
  }
  void cut_wire() {
    auto& f = *world_.faults[in_.below(2)];
    f.options.fail_at = f.reads() + f.writes() + in_.below(4);
  }
  void drop_at_a_byte() {
    auto& f = *world_.faults[in_.below(2)];
    if (in_.flag()) {
      f.options.read.end_after = f.bytes_read() + in_.size();
    } else {
      f.options.write.end_after = f.bytes_written() + in_.size();
    }
  }

  void settle() { clock_.run_for(context_, 0s); }
  void run_handlers(std::size_t n) {
    context_.restart();
    while (n-- > 0 && context_.poll_one() != 0) continue;
  }

  void open() {
    std::erase_if(lives_, [](const life_ptr& l) { return l->halves[0].done() && l->halves[1].done(); });
    if (lives_.size() >= 6) return;
    auto l = std::make_shared<life>();
    l->tag = next_tag_++;
    l->udp = in_.below(4) == 0;
    muxpro::open_request request(
        {l->udp ? muxpro::network::udp : muxpro::network::tcp, "t" + std::to_string(l->tag), 1}, in_.byte());
    if (!l->udp && in_.flag()) {
      const const_bytes words = pattern_bytes(l->pattern(0), 0, std::min<std::size_t>(in_.size(), 65535));
      request.first_data.assign(words.begin(), words.end());
    }
    lives_.push_back(l);
    const std::size_t n = request.first_data.size();
    sessions_[0].async_open(std::move(request),
                            counted(world_.handlers, [this, l, n](error_code ec, muxpro::sub_stream s) {
                              must(!ec || world_.cut(), "an open fails");
                              if (ec) return;
                              l->halves[0].written = l->halves[0].offered = n;
                              say_.take(l, 0, std::move(s));
                            }));
    for (context_.restart(); !l->halves[0].is_open() && context_.poll_one() != 0;) continue;
  }

  void accept() {
    sessions_[1].async_accept(counted(world_.handlers, [this](error_code ec, muxpro::sub_stream s) {
      if (ec) return;
      const auto tag = static_cast<unsigned>(std::stoul(std::string(s.target().host.domain().substr(1))));
      for (const life_ptr& l : lives_)
        if (l->tag == tag) say_.take(l, 1, std::move(s));
      accept();
    }));
  }

  void check() const {
    for (const life_ptr& l : lives_)
      for (const std::size_t from : {0u, 1u}) check_credit(*l, from);
    for (const auto& r : rules_)
      if (!r->broken.empty()) must(false, r->broken.front().c_str());
  }
  void check_credit(const life& l, std::size_t from) const {
    const half& sender = l.halves[from];
    const half& receiver = l.halves[1 - from];
    if (l.udp || l.broken || world_.cut() || sender.closed || receiver.closed) return;
    if (!sender.is_open() || !receiver.is_open()) return;
    const muxpro::stream_stats out = sender.s.stats(), in = receiver.s.stats();
    must(out.sent.bytes >= in.received.bytes, "no more comes than was sent");
    const std::uint64_t flight = out.sent.bytes - in.received.bytes;
    must(out.send_credit + flight + in.unread <= in.receive_window, "no more credit than window");
  }

  /// Without a cut everything comes to a good end.
  void finish() {
    for (const auto& l : lives_)
      for (const std::size_t side : {0u, 1u})
        if (l->halves[side].is_open()) say_.shut_down(l, side);
    for (int round = 0; round < 300; ++round) {
      bool busy = false;
      for (const auto& l : lives_)
        for (const std::size_t side : {0u, 1u}) busy = read_on(l, side) || busy;
      settle();
      if (!busy || world_.cut()) break;
    }
    check();
    if (world_.cut()) return;
    for (const auto& l : lives_)
      for (const std::size_t side : {0u, 1u}) expect_good_end(*l, side);
    for (const auto& r : rules_) must(r->settled(), "both Ends come");
    for (const auto& s : sessions_) expect_rest(s.stats());
  }
  bool read_on(const life_ptr& l, std::size_t side) {
    half& h = l->halves[side];
    if (!h.is_open() || h.closed || h.saw_eof || l->broken) return false;
    say_.read(l, side, 8'000);
    return true;
  }
  static void expect_good_end(const life& l, std::size_t side) {
    const half& h = l.halves[side];
    if (l.broken || h.closed || l.halves[1 - side].closed) return;
    must(h.saw_eof, "the other side's End comes");
  }
  static void expect_rest(const muxpro::session_stats& s) {
    must(s.streams == 0, "no sub-stream is left");
    must(s.queued_streams == 0 && s.queued_control == 0, "nothing is left in the queue");
    must(s.glitches == 0, "two of a kind do nothing odd");
  }

  void end() {
    world_.closing = true;
    sessions_[in_.below(2)].close();
    settle();
    // A cut of one direction is only detected by the writing side. The other side is closed here.
    for (auto& s : sessions_) s.close();
    settle();
    must(over_[0] && over_[1], "both sessions end");
    must(world_.handlers.called == world_.handlers.begun, "every handler is called");
    lives_.clear();
    settle();
    for (auto& s : sessions_) {
      must(s.stats().unread == 0, "no byte is left");
      s = muxpro::session();
    }
    must(budget_->used() == 0, "all memory is given back to the budget");
  }

  choices in_;
  world world_;
  speakers say_{world_};
  std::shared_ptr<muxpro::buffer_budget> budget_ = std::make_shared<muxpro::buffer_budget>(1 << 26);
  asio::io_context context_{1};
  muxpro::testing::manual_clock clock_{context_, 1'000'000};
  std::array<std::shared_ptr<test::wire_rules>, 2> rules_{
      std::make_shared<test::wire_rules>(muxpro::role::client),
      std::make_shared<test::wire_rules>(muxpro::role::server)};
  std::array<muxpro::session, 2> sessions_;
  std::array<bool, 2> over_{};
  std::vector<life_ptr> lives_;
  unsigned next_tag_ = 1;
};

}  // namespace fuzz
