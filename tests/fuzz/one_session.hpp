// One session of either role between a hostile peer and an erratic application, under a manual clock. The
// input holds the peer's bytes and the order of all actions. The session must keep its contract and end.
#pragma once

#include "application.hpp"
#include "hostile_peer.hpp"

#include <muxpro/testing/manual_clock.hpp>

#include <asio/io_context.hpp>

#include <optional>

namespace fuzz {

using namespace std::chrono_literals;
using muxpro::role;

class one_session {
 public:
  one_session(role side, const_bytes in, muxpro::dialect speaks = muxpro::dialect::spec)
      : in_(in), speaks_(speaks) {
    const bool agree = in_.decide.byte() < 224;
    options_ = chosen_options();
    constexpr std::array<std::size_t, 4> capacities{65536, 0, 7, 1000};
    auto [a, b] = muxpro::make_pipe(context_->get_executor(), capacities[in_.decide.below(4)]);
    peer_.emplace(std::move(a), side, options_.max_window, speaks_);
    session_ = muxpro::session(std::move(b), side, options_);
    application_.emplace(session_, side,
                         std::max(options_.max_window, muxpro::detail::rules_of(speaks_).window), tally_);
    constexpr std::array<ending, 8> endings{ending::eof, ending::eof,    ending::eof,    ending::eof,
                                            ending::cut, ending::closed, ending::closed, ending::context};
    ending_ = endings[in_.decide.below(endings.size())];
    begin();
    if (speaks_ == muxpro::dialect::mux_cool)
      settle();
    else if (agree)
      negotiate();
  }

  void run() {
    choices& c = in_.decide;
    while (!c.over()) {
      step(c);
      application_->check();
    }
    // What is left of the input happens in any case.
    peer_->listen(true);
    peer_->feed(in_.wire);
    settle();
    application_->take_everything();
    settle();
    application_->check();
    end();
  }

 private:
  enum class ending { eof, cut, closed, context };

  muxpro::session_options chosen_options() {
    choices& c = in_.decide;
    muxpro::session_options o;
    o.random_seed = 1;
    o.speaks = speaks_;
    o.process_budget = budget_;
    o.read_buffer = c.flag() ? 1024 : 8192;
    const std::uint8_t small = c.byte();
    if (small & 1) o.session_out_buffer = 1024;
    if (small & 2) o.frame_quantum = 100;
    if (small & 4) o.max_window = 65536;
    if (small & 8) o.datagram_queue = 2;
    if (small & 16) o.max_streams = 2;
    if (small & 32) o.accept_backlog = 1;
    if (small & 64) o.max_quarantined = 1;
    if (small & 128) o.read_budget_frames = 1;
    if (c.flag())
      o.glitch = o.local_reset = o.premature_end = o.empty_frames = o.keep_alive_budget = {1'000'000, 0};
    return o;
  }

  /// The handshake alone and then the rest, or all at once.
  void begin() {
    auto ended = [this](error_code) { ended_ = true; };
    if (in_.decide.byte() < 224) return session_.async_run(counted(tally_, ended));
    session_.async_handshake(
        counted(tally_, [this, ended](error_code) { session_.async_run(counted(tally_, ended)); }));
  }

  void negotiate() {
    muxpro::negotiate_version f{in_.decide.byte() < 192 ? muxpro::dialect::spec : muxpro::dialect::go, {}};
    f.versions.push_back(in_.decide.byte() < 192 ? muxpro::version_0_1 : muxpro::version_0_0);
    peer_->feed(f);
    settle();
  }

  void step(choices& c) {
    switch (c.below(12)) {
      case 0: return feed_wire(c.size());
      case 1:
      case 2:
      case 3: return feed_frame(c);
      case 4: return run_handlers(c.below(16));
      case 5: return settle();
      case 6: return let_time_pass(c);
      case 7:
        if (c.byte() < 64) peer_->listen(c.flag());
        return;
      default: return application_->act(c);
    }
  }

  void feed_wire(std::size_t n) {
    n = std::min(n, in_.wire.size());
    peer_->feed(in_.wire.first(n));
    in_.wire = in_.wire.subspan(n);
  }

  void feed_frame(choices& c) {
    const std::size_t what = c.below(8);
    const auto id = static_cast<muxpro::stream_id>(1 + c.below(4));
    const byte_string data(what < 4 ? std::min<std::size_t>(c.size(), 65535) : 0);
    const auto size = static_cast<std::uint16_t>(data.size());
    switch (what) {
      case 0:
      case 1: {
        muxpro::new_stream f{id, 0, {}, {}, {}, true};
        f.target = {what == 0 ? muxpro::network::tcp : muxpro::network::udp, "name.example", 53};
        if (size > 0) f.data = size;
        return peer_->feed(f, data);
      }
      case 2: return peer_->feed(muxpro::keep{id, size, false}, data);
      case 3: return feed_addressed(id, data);
      case 4: return peer_->feed(muxpro::end{id, static_cast<muxpro::end_code>(c.below(9))});
      case 5: return feed_credit(id, c);
      case 6: return peer_->feed(muxpro::keep_alive{id});
      default: return peer_->feed(muxpro::keep{id, {}, false});
    }
  }

  void feed_credit(muxpro::stream_id id, choices& c) {
    const std::uint32_t n = std::uint32_t{c.word()} << c.below(17);
    if (speaks_ != muxpro::dialect::mux_cool) peer_->feed(muxpro::credit_update{id, n});
  }

  void feed_addressed(muxpro::stream_id id, const byte_string& data) {
    byte_string block(muxpro::max_prefix);
    block.resize(muxpro::encode_prefix({"192.0.2.1", 53}, block));
    if (speaks_ == muxpro::dialect::mux_cool) return feed_address_apart(id, block, data);
    block.insert(block.end(), data.begin(), data.end());
    block.resize(std::min<std::size_t>(block.size(), 65535));
    peer_->feed(muxpro::keep{id, static_cast<std::uint16_t>(block.size()), true}, block);
  }

  void feed_address_apart(muxpro::stream_id id, const byte_string& prefix, const byte_string& data) {
    const muxpro::keep f{id, static_cast<std::uint16_t>(data.size()), false};
    byte_string whole(muxpro::max_encoded_header);
    whole.resize(muxpro::encode_addressed(f, prefix, whole));
    whole.insert(whole.end(), data.begin(), data.end());
    peer_->feed(whole);
  }

  void let_time_pass(choices& c) {
    constexpr std::array<muxpro::duration, 6> times{1ms, 200ms, 1100ms, 11s, 61s, 301s};
    clock_.run_for(*context_, times[c.below(times.size())]);
  }

  void run_handlers(std::size_t n) {
    context_->restart();
    while (n-- > 0 && context_->poll_one() != 0) application_->check();
  }
  void settle() { clock_.run_for(*context_, 0s); }

  /// The peer leaves, the application leaves, or the context goes under them.
  void end() {
    if (ending_ == ending::context) return end_without_context();
    if (ending_ == ending::closed) session_.close();
    if (ending_ == ending::cut) peer_->close();
    if (ending_ == ending::eof) peer_->shut_down();
    settle();
    must(ended_ || !session_.negotiated(), "a session ends with its wire");
    clock_.run_for(*context_, options_.negotiate_timeout);
    must(ended_, "the negotiation has its deadline");
    must(session_.stats().streams == 0, "sub-streams end with their session");
    leave();
  }

  void leave() {
    must(tally_.called == tally_.begun, "every handler is called");
    application_->drop_streams();
    session_ = muxpro::session();
    settle();
    must(budget_->used() == 0, "all memory is given back to the budget");
  }

  void end_without_context() {
    context_.reset();
    must(tally_.called + tally_.dropped == tally_.begun, "a context takes its handlers along");
    application_->drop_streams();
    session_ = muxpro::session();
    must(budget_->used() == 0, "all memory is given back to the budget");
  }

  script in_;
  const muxpro::dialect speaks_;
  tally tally_;
  std::shared_ptr<muxpro::buffer_budget> budget_ = std::make_shared<muxpro::buffer_budget>(1 << 20);
  std::unique_ptr<asio::io_context> context_ = std::make_unique<asio::io_context>(1);
  muxpro::testing::manual_clock clock_{*context_, 1'000'000};
  muxpro::session_options options_;
  std::optional<hostile_peer> peer_;
  muxpro::session session_;
  std::optional<application> application_;
  ending ending_ = ending::eof;
  bool ended_ = false;
};

}  // namespace fuzz
