// One side of a conversation in datagrams. They are numbered, and address, size and content show the number.
#pragma once

#include "content.hpp"
#include "party.hpp"
#include "world.hpp"

#include <muxpro/open_request.hpp>
#include <muxpro/sub_datagram.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace simulation {

struct courier_habits {
  std::uint32_t to_send = 0;
  std::size_t longest = 1;      ///< bytes of a datagram
  unsigned pause_percent = 0;   ///< of the operations are followed by a pause
  duration pause{};             ///< at most
  unsigned cancel_percent = 0;  ///< of the receptions are given up after a while
};

class courier : public std::enable_shared_from_this<courier> {
 public:
  /// Side 0 opens, side 1 accepts.
  courier(world& w, std::shared_ptr<conversation> c, int side, courier_habits h);

  void meets(const std::shared_ptr<courier>& other) { other_ = other; }
  /// Side 0: with its first datagram or without, with a name of its source or without.
  muxpro::open_request request();
  void take(muxpro::sub_stream s);
  /// It will never get a sub-stream.
  void give_up() noexcept { done_ = true; }
  bool done() const noexcept { return done_; }
  bool begun() const noexcept { return begun_; }

  /// No datagram is lost without being counted. Nothing is ready, and nothing is under way.
  static void check_counts(world& w, const courier& from, const courier& to);
  /// What holds when all is over.
  void check_result() const;

  std::uint64_t who() const noexcept { return 2 * talk_->tag + static_cast<unsigned>(side_); }
  conversation& talk() noexcept { return *talk_; }
  std::string describe() const;

 private:
  muxpro::host_port address_of(std::uint32_t number) const;
  std::size_t size_of(std::uint32_t number) const;
  const_bytes content_of(std::uint32_t number) const;
  std::uint32_t number_of(const muxpro::host_port& from, std::uint32_t after) const;
  dice chances_of(std::uint32_t number) const noexcept;

  void receive_next();
  void received(error_code ec, std::size_t n);
  void check_datagram(const courier& sender, std::size_t n);
  void send_next();
  void send_too_much();
  void sent(error_code ec, bool too_long);
  void finish();
  void shut_down();
  void failed(const char* what, error_code ec);
  void settle();

  world& world_;
  std::shared_ptr<conversation> talk_;
  const int side_;
  const courier_habits habits_;
  dice random_;
  std::weak_ptr<courier> other_;
  muxpro::sub_datagram stream_;
  std::vector<std::byte> room_;
  muxpro::host_port from_;
  asio::cancellation_signal stop_;
  std::optional<muxpro::global_id> source_;
  bool begun_ = false, done_ = false, receiving_ = false, sending_ = false, shutting_ = false;
  bool paused_ = false, given_up_ = false, finishing_ = false;
  bool rides_ = false;  ///< number 0 is in New, without an address of its own
  bool shut_ = false, saw_eof_ = false, lost_ = false;
  std::uint32_t sent_ = 0, refused_ = 0, got_ = 0, next_ = 0;
  duration came_at_{};
  std::uint64_t receive_op_ = 0, shutdown_op_ = 0;
};

}  // namespace simulation
