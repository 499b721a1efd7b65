// judge(): whether a ClientHello is of a client of this REALITY server. session_id_replay_filter: the session
// ids of accepted clients. Ring 4, a rule.
#pragma once

#include "proxy/reality/keys.hpp"

#include <muxpro/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// The session ids of accepted clients.
class session_id_replay_filter {
 public:
  static constexpr duration kept = std::chrono::minutes(10);
  static constexpr std::size_t most = 65'536;

  /// Returns false if it was noted less than `kept` ago, and is among the last `most`.
  bool note(const session_id& id, time_point now);
  std::size_t size() const noexcept { return known_.size(); }

 private:
  std::set<session_id> known_;
  std::deque<std::pair<time_point, session_id>> in_order_;
};

enum class reality_refusal : std::uint8_t {
  no_hello,
  no_tls13,
  unknown_name,
  no_key_share,
  wrong_key,
  version,
  time,
  unknown_short_id,
  replay
};
/// For the log.
const char* to_text(reality_refusal r) noexcept;

struct reality_rules {
  std::set<std::string> names;  ///< with "", a client may send none
  x25519_key private_key{key_bytes()};
  std::set<short_id> short_ids;
  std::optional<client_version> min_version, max_version;
  /// Between the clocks of both sides. 0 means any.
  duration max_time_difference{0};
};

struct reality_verdict {
  std::optional<reality_refusal> refused;
  key_bytes key{};        ///< if it is not refused
  reality_claim claim{};  ///< if the key is right
};
/// `received` must be whole. `unix_time` is that of this side, with fractions. Does not check for a replay.
reality_verdict judge(const received_hello& received, const reality_rules& rules, duration unix_time);

}  // namespace muxpro::proxy
