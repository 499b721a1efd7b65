#include "proxy/status/counters_since.hpp"

#include "proxy/api/request.hpp"
#include "proxy/base/pattern.hpp"
#include "proxy/base/proto_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

std::string stat_message(std::string_view name, std::uint64_t value) {
  proto_writer out;
  return out.text(1, name).number(2, value).take();
}

template <class Take>
void each_counter(const instance_report& r, Take take) {
  for (const counter_row& row : r.counters) {
    take(counter_name(row.what, row.name, true), row.up);
    take(counter_name(row.what, row.name, false), row.down);
  }
}

api_refusal no_counter(std::string_view name) {
  return {api_code::not_found, fmt::format("{} not found.", name)};
}

/// The names that QueryStats asks for. Xray's request has one text. V2Ray's has several, or expressions.
class name_choice {
 public:
  explicit name_choice(const_bytes request) : texts_(texts_in(request, 3)) {
    constexpr std::size_t most = 100;
    if (const std::string one = text_in(request, 1); !one.empty()) texts_.push_back(one);
    if (texts_.size() > most)
      throw api_refusal(api_code::invalid_argument, fmt::format("a query has at most {} patterns", most));
    if (number_in(request, 4) == 0) return;
    for (const std::string& text : texts_) {
      expressions_.emplace_back(text);
      if (const std::string& mistake = expressions_.back().mistake(); !mistake.empty())
        throw api_refusal(api_code::invalid_argument, mistake);
    }
  }
  bool has(const std::string& name) const {
    const auto contains = [&](const std::string& t) { return name.find(t) != std::string::npos; };
    const auto found = [&](const pattern& p) { return p.found_in(name); };
    if (!expressions_.empty()) return std::any_of(expressions_.begin(), expressions_.end(), found);
    return texts_.empty() || std::any_of(texts_.begin(), texts_.end(), contains);
  }

 private:
  std::vector<std::string> texts_;
  std::vector<pattern> expressions_;
};

}  // namespace

// A proxy's own counter never falls, and so begins anew only where it was reset.
std::uint64_t counters_since::value(std::string_view name, std::uint64_t now, bool reset) {
  const auto known = at_reset_.find(name);
  const std::uint64_t before = known == at_reset_.end() ? 0 : known->second;
  if (reset) at_reset_.insert_or_assign(std::string(name), now);
  return now - std::min(before, now);
}

std::string counters_since::get(const instance_report& r, const_bytes request) {
  const std::string wanted = text_in(request, 1);
  const bool reset = number_in(request, 2) != 0;
  const std::lock_guard lock(access_);
  std::string stat;
  each_counter(r, [&](const std::string& name, std::uint64_t now) {
    if (name == wanted) stat = stat_message(name, value(name, now, reset));
  });
  if (stat.empty()) throw no_counter(wanted);
  proto_writer out;
  return out.message(1, stat).take();
}

std::string counters_since::query(const instance_report& r, const_bytes request) {
  const name_choice wanted(request);
  const bool reset = number_in(request, 2) != 0;
  const std::lock_guard lock(access_);
  proto_writer out;
  each_counter(r, [&](const std::string& name, std::uint64_t now) {
    if (wanted.has(name)) out.message(1, stat_message(name, value(name, now, reset)));
  });
  return out.take();
}

std::string online_name(std::string_view user) { return fmt::format("user>>>{}>>>online", user); }

namespace {

using seconds_by_address = std::map<asio::ip::address, double>;

/// Those of the user whom the request names.
const seconds_by_address& online_addresses_of(const instance_report& counters, const instance_report& online,
                                              const std::string& wanted) {
  static const seconds_by_address none{};
  for (const auto& [user, all] : online.online)
    if (online_name(user) == wanted) return all;
  const auto is_it = [&](const counter_row& row) {
    return row.what == counter_kind::user && online_name(row.name) == wanted;
  };
  if (std::none_of(counters.counters.begin(), counters.counters.end(), is_it)) throw no_counter(wanted);
  return none;
}

}  // namespace

std::string online_answer(const instance_report& counters, const instance_report& online,
                          const_bytes request) {
  const std::string wanted = text_in(request, 1);
  proto_writer out;
  return out.message(1, stat_message(wanted, online_addresses_of(counters, online, wanted).size())).take();
}

std::string online_addresses_answer(const instance_report& counters, const instance_report& online,
                                    const_bytes request, std::int64_t now) {
  const std::string wanted = text_in(request, 1);
  proto_writer out;
  out.text(1, wanted);
  for (const auto& [address, since] : online_addresses_of(counters, online, wanted)) {
    const std::int64_t begun = now - static_cast<std::int64_t>(since);
    out.message(2, stat_message(address.to_string(), static_cast<std::uint64_t>(begun)));
  }
  return out.take();
}

std::string online_users_answer(const instance_report& online) {
  proto_writer out;
  for (const auto& [user, all] : online.online) out.message(1, online_name(user));
  return out.take();
}

}  // namespace muxpro::proxy
