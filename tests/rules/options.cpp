// session_options::validate(): the default passes, each broken value is named.
#include "catch.hpp"

#include <muxpro/options.hpp>

#include <cmath>
#include <limits>

using namespace muxpro;

namespace {

struct change {
  const char* option;
  void (*apply)(session_options&);
};

std::string verdict(void (*apply)(session_options&)) {
  session_options o;
  apply(o);
  return o.validate();
}

template <std::size_t N>
void check_refused(const change (&all)[N]) {
  for (const change& c : all) {
    const std::string message = verdict(c.apply);
    CAPTURE(c.option, message);
    CHECK(message.find(c.option) == 0);
    CHECK(message.find(" it must ") != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  }
}

constexpr std::uint32_t huge = std::numeric_limits<std::uint32_t>::max();
constexpr double infinite = std::numeric_limits<double>::infinity();

const struct {
  const char* option;
  rate_limit session_options::*member;
} rates[] = {
    {"premature_end", &session_options::premature_end},
    {"local_reset", &session_options::local_reset},
    {"glitch", &session_options::glitch},
    {"keep_alive_budget", &session_options::keep_alive_budget},
    {"empty_frames", &session_options::empty_frames},
};

std::string with_rate(rate_limit session_options::*member, double per_second) {
  session_options o;
  (o.*member).per_second = per_second;
  return o.validate();
}

}  // namespace

TEST_CASE("options: the defaults are valid", "[options]") { CHECK(session_options{}.validate() == ""); }

TEST_CASE("options: values at their documented bounds are valid", "[options]") {
  const change all[] = {
      {"versions", [](session_options& o) { o.versions = {version_0_0}; }},
      {"versions", [](session_options& o) { o.versions.resize(255); }},
      {"max_streams", [](session_options& o) { o.max_streams = 1; }},
      {"max_streams", [](session_options& o) { o.max_streams = 65535; }},
      {"max_window", [](session_options& o) { o.max_window = 65536; }},
      {"session_window_budget", [](session_options& o) { o.session_window_budget = 0; }},
      {"process_budget",
       [](session_options& o) { o.process_budget = std::make_shared<buffer_budget>(1 << 20); }},
      {"frame_quantum", [](session_options& o) { o.frame_quantum = max_extra_data; }},
      {"metadata_limit", [](session_options& o) { o.metadata_limit = 273; }},
      {"metadata_limit", [](session_options& o) { o.metadata_limit = 512; }},
      {"keep_alive_interval", [](session_options& o) { o.keep_alive_interval = {}; }},
      {"stream_idle", [](session_options& o) { o.stream_idle = std::chrono::hours(24); }},
      {"negotiate_timeout", [](session_options& o) { o.negotiate_timeout = std::chrono::milliseconds(1); }},
      {"glitch", [](session_options& o) { o.glitch.per_second = 0; }},
  };
  for (const change& c : all) {
    CAPTURE(c.option);
    CHECK(verdict(c.apply) == "");
  }
}

TEST_CASE("options: broken versions and sizes are named", "[options]") {
  check_refused({
      {"versions", [](session_options& o) { o.versions.clear(); }},
      {"versions", [](session_options& o) { o.versions.resize(256); }},
      {"max_streams", [](session_options& o) { o.max_streams = 0; }},
      {"max_streams", [](session_options& o) { o.max_streams = 65536; }},
      {"accept_backlog", [](session_options& o) { o.accept_backlog = 0; }},
      {"accept_backlog", [](session_options& o) { o.accept_backlog = huge; }},
      {"max_quarantined", [](session_options& o) { o.max_quarantined = 0; }},
      {"max_quarantined", [](session_options& o) { o.max_quarantined = huge; }},
      {"max_window", [](session_options& o) { o.max_window = 65535; }},
      {"max_window", [](session_options& o) { o.max_window = huge; }},
      {"session_window_budget", [](session_options& o) { o.session_window_budget = ~std::uint64_t{0}; }},
      {"read_buffer", [](session_options& o) { o.read_buffer = 0; }},
      {"read_buffer", [](session_options& o) { o.read_buffer = huge; }},
      {"session_out_buffer", [](session_options& o) { o.session_out_buffer = 0; }},
      {"session_out_buffer", [](session_options& o) { o.session_out_buffer = huge; }},
      {"frame_quantum", [](session_options& o) { o.frame_quantum = 0; }},
      {"frame_quantum", [](session_options& o) { o.frame_quantum = 65536; }},
      {"datagram_queue ", [](session_options& o) { o.datagram_queue = 0; }},
      {"datagram_queue ", [](session_options& o) { o.datagram_queue = huge; }},
      {"datagram_queue_bytes", [](session_options& o) { o.datagram_queue_bytes = 0; }},
      {"datagram_queue_bytes", [](session_options& o) { o.datagram_queue_bytes = huge; }},
      {"metadata_limit", [](session_options& o) { o.metadata_limit = 272; }},
      {"metadata_limit", [](session_options& o) { o.metadata_limit = 513; }},
      {"read_budget_frames", [](session_options& o) { o.read_budget_frames = 0; }},
      {"read_budget_frames", [](session_options& o) { o.read_budget_frames = huge; }},
      {"read_budget_bytes", [](session_options& o) { o.read_budget_bytes = 0; }},
      {"read_budget_bytes", [](session_options& o) { o.read_budget_bytes = huge; }},
      {"control_queue", [](session_options& o) { o.control_queue = 0; }},
      {"control_queue", [](session_options& o) { o.control_queue = huge; }},
      {"credit_update_budget", [](session_options& o) { o.credit_update_budget = 0; }},
      {"credit_update_budget", [](session_options& o) { o.credit_update_budget = huge; }},
  });
}

TEST_CASE("options: broken durations are named", "[options]") {
  const struct {
    const char* option;
    duration session_options::*member;
    bool zero_is_valid;
  } all[] = {
      {"negotiate_timeout", &session_options::negotiate_timeout, false},
      {"stream_idle", &session_options::stream_idle, false},
      {"half_close_linger", &session_options::half_close_linger, false},
      {"credit_stall_timeout", &session_options::credit_stall_timeout, false},
      {"id_quarantine", &session_options::id_quarantine, false},
      {"session_idle", &session_options::session_idle, false},
      {"keep_alive_interval", &session_options::keep_alive_interval, true},
      {"frame_read_timeout", &session_options::frame_read_timeout, false},
      {"close_timeout", &session_options::close_timeout, false},
      {"write_stall_timeout", &session_options::write_stall_timeout, false},
  };
  for (const auto& c : all) {
    const auto message = [&](duration d) {
      session_options o;
      o.*c.member = d;
      return o.validate();
    };
    CAPTURE(c.option);
    CHECK(message(std::chrono::seconds(-1)).find(c.option) == 0);
    CHECK(message(duration::min()).find(c.option) == 0);
    CHECK(message(duration::max()).find(c.option) == 0);
    CHECK(message(duration(0)).empty() == c.zero_is_valid);
    CHECK(message(std::chrono::minutes(1)) == "");
  }
}

TEST_CASE("options: broken rates are named", "[options]") {
  for (const auto& c : rates)
    for (const double rate : {-1.0, -infinite, infinite}) {
      CAPTURE(c.option, rate);
      CHECK(with_rate(c.member, rate).find(c.option) == 0);
    }
}

TEST_CASE("options: a rate that is no number is named", "[options]") {
  for (const auto& c : rates) {
    CAPTURE(c.option);
    CHECK(with_rate(c.member, std::nan("")).find(c.option) == 0);
  }
}
