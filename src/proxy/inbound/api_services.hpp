// The methods of Xray's API, by their services. Ring 4.
#pragma once

#include "proxy/api/call.hpp"
#include "proxy/engine/control.hpp"
#include "proxy/status/counters_since.hpp"

#include <muxpro/options.hpp>

#include <string>
#include <string_view>

namespace muxpro::proxy {

/// What a method gets. Called on proxy_control::first_thread().
struct api_call {
  proxy_control& proxy;
  counters_since& counters;
  time_point proxy_began;
  const_bytes request;
  const instance_report& report;  ///< of counters, if the method wants them
  const instance_report& online;
};

struct api_method {
  std::string_view service, name;
  /// Returns the answer's message. Throws api_refusal, or another std::exception with one sentence.
  std::string (*answer)(const api_call& c);
  bool wants_counters = false, wants_online = false;
};

/// Returns null if muxpro does not have the method.
const api_method* find_api_method(const call_path& path);

}  // namespace muxpro::proxy
