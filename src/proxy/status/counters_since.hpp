// counters_since, the answers of StatsService with counters by Xray's names and the on-line users. Ring 4, a
// rule.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/proxy/report.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// Counters since the last call that has reset them. The proxy's own counters go on. Any thread. All throw
/// api_refusal. `request` is that of the method, `r` a complete report of counters.
class counters_since {
 public:
  std::string get(const instance_report& r, const_bytes request);
  std::string query(const instance_report& r, const_bytes request);

 private:
  std::uint64_t value(std::string_view name, std::uint64_t now, bool reset);

  std::mutex access_;
  std::map<std::string, std::uint64_t, std::less<>> at_reset_;
};

/// "user>>>EMAIL>>>online", as Xray calls it.
std::string online_name(std::string_view user);
/// `counters` is as above and has the users. `online` is that of instance::online().
std::string online_answer(const instance_report& counters, const instance_report& online,
                          const_bytes request);
/// `now` in seconds of Unix.
std::string online_addresses_answer(const instance_report& counters, const instance_report& online,
                                    const_bytes request, std::int64_t now);
std::string online_users_answer(const instance_report& online);

}  // namespace muxpro::proxy
