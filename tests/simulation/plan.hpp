// What a seed makes of a run, before it begins.
#pragma once

#include "courier.hpp"
#include "link.hpp"
#include "party.hpp"

#include <muxpro/options.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace simulation {

enum class shape { direct, relay, pool };

struct plan {
  explicit plan(dice random, muxpro::dialect d = muxpro::dialect::spec);

  muxpro::dialect speaks = muxpro::dialect::spec;
  shape topology = shape::direct;
  bool cuts = false;       ///< links break
  bool clogs = false;      ///< links stand still for a while
  bool impatient = false;  ///< time limits so short that healthy sub-streams meet them
  bool starved = false;    ///< allocations fail
  bool poor = false;       ///< the process budget is too small
  bool hostile = false;    ///< a peer that keeps to no rules shares the process
  bool reuser = false;     ///< a peer that uses each id again as soon as it may
  /// Any conversation may fail, and any session.
  bool lenient() const noexcept { return impatient || starved || poor; }

  std::uint32_t conversations = 1;
  duration opening{};  ///< they begin within this time
  std::size_t most_bytes = 0;
  bool bulk = false;  ///< every conversation moves much, in large operations
  unsigned cut_percent = 0, cancel_percent = 0, pause_percent = 0;
  duration pause{};
  std::shared_ptr<muxpro::buffer_budget> budget;

  // Mux.Cool alone
  std::uint32_t couriers = 0;  ///< conversations in datagrams
  bool single = false;         ///< the main connection is for one courier
  bool crowd = false;          ///< more conversations than one main connection takes
  duration grace = 100ms;      ///< session_options::full_queue_grace
  bool mux_cool() const noexcept { return speaks == muxpro::dialect::mux_cool; }

  muxpro::session_options options(dice& random) const;
  direction_habits direction(dice& random, std::size_t least_per_operation) const;
  /// Of the two sides of a conversation.
  std::pair<habits, habits> both_ways(dice& random) const;
  courier_habits courier_ways(dice& random) const;

 private:
  void speak_mux_cool(dice& random);
  habits ways(dice& random, int side) const;

  duration delay_{};
  std::size_t most_per_operation_ = ~std::size_t{0};
  std::size_t capacity_ = 65536;
  std::uint64_t slow_ = 0;
};

/// No fault happens later.
inline constexpr auto faults_stop = 60s;
/// By then everything has ended, whatever it met.
inline constexpr auto everything_ends = 1500s;

}  // namespace simulation
