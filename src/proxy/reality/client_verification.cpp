#include "proxy/reality/client_verification.hpp"

#include <algorithm>

namespace muxpro::proxy {

bool session_id_replay_filter::note(const session_id& id, time_point now) {
  while (!in_order_.empty() && (now - in_order_.front().first >= kept || in_order_.size() >= most)) {
    known_.erase(in_order_.front().second);
    in_order_.pop_front();
  }
  if (!known_.insert(id).second) return false;
  in_order_.emplace_back(now, id);
  return true;
}

const char* to_text(reality_refusal r) noexcept {
  switch (r) {
    case reality_refusal::no_hello: return "it sent no ClientHello";
    case reality_refusal::no_tls13: return "its ClientHello does not offer TLS 1.3";
    case reality_refusal::unknown_name: return "it asks for a name that is not in serverNames";
    case reality_refusal::no_key_share: return "its ClientHello has no key share of X25519";
    case reality_refusal::wrong_key: return "its session id was not sealed for this server's key";
    case reality_refusal::version: return "its version is not between minClientVer and maxClientVer";
    case reality_refusal::time: return "its clock differs by more than maxTimeDiff";
    case reality_refusal::unknown_short_id: return "its short id is not in shortIds";
    case reality_refusal::replay: return "its session id was used before";
  }
  return "";
}

namespace {

std::optional<reality_refusal> refusal_of(const reality_claim& c, const reality_rules& rules, duration now) {
  const bool too_old = rules.min_version && c.version < *rules.min_version;
  if (too_old || (rules.max_version && c.version > *rules.max_version)) return reality_refusal::version;
  const duration off = std::chrono::abs(now - std::chrono::seconds(c.time));
  if (rules.max_time_difference > duration(0) && off > rules.max_time_difference)
    return reality_refusal::time;
  if (!rules.short_ids.contains(c.id)) return reality_refusal::unknown_short_id;
  return std::nullopt;
}

}  // namespace

reality_verdict judge(const received_hello& received, const reality_rules& rules, duration unix_time) {
  reality_verdict out;
  const auto hello = parse_reality_hello(received.message);
  if (!hello) return out.refused = reality_refusal::no_hello, out;
  if (!hello->has_tls13) return out.refused = reality_refusal::no_tls13, out;
  if (!rules.names.contains(hello->server_name.value_or("")))
    return out.refused = reality_refusal::unknown_name, out;
  if (hello->x25519.empty()) return out.refused = reality_refusal::no_key_share, out;
  const auto key = auth_key(rules.private_key, hello->x25519, hello->random);
  const auto claim = key ? open_session_id(*key, *hello) : std::nullopt;
  if (!claim) return out.refused = reality_refusal::wrong_key, out;
  out.key = *key;
  out.claim = *claim;
  out.refused = refusal_of(*claim, rules, unix_time);
  return out;
}

}  // namespace muxpro::proxy
