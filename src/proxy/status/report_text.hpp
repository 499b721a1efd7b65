// A report for programs. Ring 4, a rule.
#pragma once

#include <muxpro/proxy/report.hpp>

#include <string>

namespace muxpro::proxy {

/// Prometheus' text format, version 0.0.4.
std::string metrics_text(const instance_report& r);
std::string status_json(const instance_report& r);
/// Returns the counters as Xray has them at /debug/vars, which is {"stats": {"inbound": {TAG: {"uplink": N,
/// ...}}, ...}}.
std::string debug_vars(const instance_report& r);

}  // namespace muxpro::proxy
