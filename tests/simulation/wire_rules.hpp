// wire_rules: checks the frames of a session by the frames of both directions, whatever its application does.
#pragma once

#include "world.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/detail/dialect_rules.hpp>
#include <muxpro/options.hpp>

#include <cstdint>
#include <map>

namespace simulation {

using muxpro::const_bytes;
using muxpro::stream_id;

class wire_rules {
 public:
  wire_rules(world& w, std::uint64_t name, muxpro::role side, const muxpro::session_options& o);

  void sent(const_bytes data);
  void received(const_bytes data);
  /// Toward a peer that breaks rules nothing is sure but that frames are frames.
  void mistrust_peer() noexcept { peer_honest_ = false; }

  /// Every sub-stream has both Ends.
  bool settled() const;
  std::uint64_t frames() const noexcept { return frames_; }
  /// Sub-streams that were opened so far.
  std::uint64_t opened() const noexcept { return opened_; }

 private:
  struct stream {
    bool ended = true, aborted = false, peer_ended = true, udp = false;
    std::uint64_t sent = 0, allowed = 65536, received = 0, granted = 65536;
    duration ended_at{}, peer_ended_at{};
    bool open() const { return !ended || !peer_ended; }
  };

  /// No side remembers for ever an id whose End never comes. Ours may have waited in the session before it
  /// was seen.
  bool forgotten(const stream& s) const {
    return s.ended && world_.now() - s.ended_at >= id_quarantine_ - 31s;
  }
  bool mux_cool() const noexcept { return speaks_ == muxpro::dialect::mux_cool; }
  void complain(const char* what, stream_id id);
  void see_sent(const muxpro::frame& f, std::size_t payload);
  void see_received(const muxpro::frame& f, std::size_t payload);
  void send_credit(const muxpro::credit_update& f);
  void check_length(const stream& s, stream_id id, std::size_t payload);
  void check_id(stream_id id);
  void note(const char* const* what, const muxpro::frame& f, std::size_t payload);
  void open(const muxpro::new_stream& f, std::size_t payload, bool ours);

  world& world_;
  std::uint64_t name_;
  muxpro::role side_;
  muxpro::dialect speaks_;
  bool single_;  ///< Mux.Cool: its only sub-stream has id 0
  std::uint64_t max_window_;
  duration id_quarantine_;
  bool peer_honest_ = true;
  bool peer_lost_ = false;
  muxpro::decoder out_, in_;
  std::map<stream_id, stream> streams_;
  std::uint64_t frames_ = 0, opened_ = 0;
};

}  // namespace simulation
