#include "proxy/names/dns_exchange.hpp"

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr unsigned rcode_none = 0, rcode_format = 1, rcode_no_name = 3, rcode_not_implemented = 4;

}  // namespace

dns_exchange::dns_exchange(const std::vector<dns_question>& questions) {
  for (const dns_question& q : questions) parts_.push_back({q, std::nullopt, false});
}

std::vector<std::vector<std::byte>> dns_exchange::open() const {
  std::vector<std::vector<std::byte>> out;
  for (const part& p : parts_)
    if (!p.reply && !p.truncated) out.push_back(write_dns_question(p.question));
  return out;
}

bool dns_exchange::done() const {
  return std::all_of(parts_.begin(), parts_.end(), [](const part& p) { return p.reply || p.truncated; });
}

dns_exchange::outcome dns_exchange::take(const_bytes message, bool by_datagram) {
  for (part& p : parts_) {
    if (p.reply || p.truncated) continue;
    auto reply = read_dns_reply(message, p.question);
    if (!reply) continue;
    const bool form = reply->code == rcode_format || reply->code == rcode_not_implemented;
    if (form && std::exchange(p.question.edns, false)) return outcome::refused;
    p.truncated = reply->truncated && by_datagram;
    if (!p.truncated) p.reply = std::move(reply);
    return outcome::taken;
  }
  return outcome::not_mine;
}

bool dns_exchange::turn_to_stream() {
  bool any = false;
  for (part& p : parts_) any |= std::exchange(p.truncated, false);
  return any;
}

name_answer dns_exchange::answer() const {
  using kind = name_answer::kind;
  name_answer out;
  bool all = true, no_name = !parts_.empty();
  for (const part& p : parts_) {
    const unsigned code = p.reply ? p.reply->code : rcode_none;
    all &= p.reply && (code == rcode_none || code == rcode_no_name);
    no_name &= code == rcode_no_name;
    if (p.reply && code == rcode_none)
      out.addresses.insert(out.addresses.end(), p.reply->addresses.begin(), p.reply->addresses.end());
  }
  if (!out.addresses.empty())
    out.what = kind::found;
  else if (all)
    out.what = no_name ? kind::not_there : kind::no_data;
  return out;
}

duration dns_exchange::ttl() const {
  auto shortest = std::chrono::seconds::max();
  for (const part& p : parts_)
    if (p.reply && !p.reply->addresses.empty()) shortest = std::min(shortest, p.reply->ttl);
  return std::clamp<std::chrono::seconds>(shortest, std::chrono::seconds(0), std::chrono::hours(24));
}

}  // namespace muxpro::proxy
