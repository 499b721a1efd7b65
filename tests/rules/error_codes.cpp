// Every error code has a text of its own, a portable meaning, and is distinguished by its category: what this
// side decided is in "muxpro", what the peer sent is in "muxpro.end".
#include "../catch.hpp"

#include <muxpro/error.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace muxpro;

namespace {

constexpr auto last_errc = static_cast<int>(errc::dial_failed);
constexpr auto last_end_code = static_cast<int>(end_code::rejected);

std::vector<std::error_code> all_codes() {
  std::vector<std::error_code> all;
  for (int i = 1; i <= last_errc; ++i) all.emplace_back(static_cast<errc>(i));
  for (int i = 0; i <= last_end_code; ++i) all.emplace_back(static_cast<end_code>(i));
  return all;
}

struct meaning {
  std::error_code code;
  std::errc portable;
};

const std::vector<meaning> meanings{
    {errc::negotiate_timeout, std::errc::timed_out},
    {errc::stalled, std::errc::timed_out},
    {errc::idle_timeout, std::errc::timed_out},
    {errc::stream_timeout, std::errc::timed_out},
    {errc::target_timeout, std::errc::timed_out},
    {errc::close_timeout, std::errc::timed_out},
    {errc::dial_failed, std::errc::io_error},
    {end_code::timeout, std::errc::timed_out},
    {errc::connection_lost, std::errc::connection_reset},
    {end_code::remote_disconnect, std::errc::connection_reset},
    {static_cast<end_code>(7), std::errc::connection_reset},
    {static_cast<end_code>(65535), std::errc::connection_reset},
    {errc::target_unreachable, std::errc::host_unreachable},
    {end_code::unreachable, std::errc::host_unreachable},
    {errc::session_closed, std::errc::operation_canceled},
    {errc::stream_reset, std::errc::operation_canceled},
    {errc::target_rejected, std::errc::permission_denied},
    {end_code::rejected, std::errc::permission_denied},
    {errc::no_memory, std::errc::not_enough_memory},
    {errc::memory_pressure, std::errc::not_enough_memory},
    {errc::too_many_streams, std::errc::resource_unavailable_try_again},
    {errc::draining, std::errc::resource_unavailable_try_again},
    {errc::pool_exhausted, std::errc::resource_unavailable_try_again},
    {errc::out_of_room, std::errc::resource_unavailable_try_again},
    {end_code::resources, std::errc::resource_unavailable_try_again},
    {errc::stream_violation, std::errc::protocol_error},
    {errc::not_muxpro, std::errc::protocol_error},
    {errc::bad_answer, std::errc::protocol_error},
    {errc::too_many_glitches, std::errc::protocol_error},
    {end_code::protocol_error, std::errc::protocol_error},
    {errc::no_common_version, std::errc::protocol_not_supported},
    {errc::already_shut_down, std::errc::broken_pipe},
    {errc::datagram_too_large, std::errc::message_size},
    {errc::bad_host, std::errc::invalid_argument},
    {errc::bad_option, std::errc::invalid_argument},
    {errc::bad_handle, std::errc::bad_file_descriptor},
    {errc::not_running, std::errc::not_connected},
    {errc::wrong_role, std::errc::operation_not_supported},
    {errc::wrong_network, std::errc::operation_not_supported},
    {errc::operation_in_progress, std::errc::operation_in_progress},
};

}  // namespace

TEST_CASE("an error code equals its portable meaning and no other", "[error]") {
  const std::set<std::errc> portable = [] {
    std::set<std::errc> all;
    for (const auto& m : meanings) all.insert(m.portable);
    return all;
  }();
  for (const auto& [code, right] : meanings) {
    CAPTURE(code.message());
    CHECK(code == right);
    CHECK(std::count_if(portable.begin(), portable.end(), [&c = code](std::errc e) { return c == e; }) == 1);
  }
}

TEST_CASE("every failure has a portable meaning", "[error]") {
  for (const std::error_code& ec : all_codes()) {
    CAPTURE(ec.message());
    const auto& category = ec.default_error_condition().category();
    CHECK((category == std::generic_category()) == static_cast<bool>(ec));
  }
}

TEST_CASE("every code has a text of its own", "[error]") {
  std::set<std::string> seen;
  for (const std::error_code& ec : all_codes()) {
    CAPTURE(ec.message());
    CHECK(ec.message().find("unknown muxpro") == std::string::npos);
    CHECK(seen.insert(ec.message()).second);
  }
  CHECK(std::error_code(last_errc + 1, error_category()).message() == "unknown muxpro error");
  CHECK(make_error_code(static_cast<end_code>(7)).message() == "the peer ended the sub-stream with code 7");
}

TEST_CASE("only codes that came from the peer name the peer as their origin", "[error]") {
  for (int i = 0; i <= last_end_code; ++i)
    CHECK(make_error_code(static_cast<end_code>(i)).message().starts_with("the peer "));
  for (const errc own : {errc::out_of_room, errc::target_rejected, errc::target_unreachable,
                         errc::target_timeout, errc::no_memory, errc::memory_pressure})
    CHECK(make_error_code(own).message().find("peer") == std::string::npos);
}

TEST_CASE("each budget has a code that names its option, and all are one condition", "[error]") {
  const std::vector<std::pair<errc, const char*>> budgets{
      {errc::too_many_premature_ends, "(premature_end)"},
      {errc::too_many_local_resets, "(local_reset)"},
      {errc::too_many_glitches, "(glitch)"},
      {errc::too_many_keep_alives, "(keep_alive_budget)"},
      {errc::too_many_empty_frames, "(empty_frames)"},
      {errc::too_many_credit_updates, "(credit_update_budget)"},
      {errc::too_many_unread_answers, "(control_queue)"},
  };
  for (const auto& [code, option] : budgets) {
    CAPTURE(option);
    CHECK(make_error_code(code).message().ends_with(option));
  }
  const auto codes = all_codes();
  CHECK(std::count(codes.begin(), codes.end(), condition::budget_exceeded) ==
        static_cast<std::ptrdiff_t>(budgets.size()));
}

TEST_CASE("misuse is one condition", "[error]") {
  const std::vector<errc> misuses{errc::bad_handle,    errc::not_running,           errc::wrong_role,
                                  errc::wrong_network, errc::operation_in_progress, errc::already_shut_down,
                                  errc::bad_option};
  const auto codes = all_codes();
  CHECK(std::count(codes.begin(), codes.end(), condition::misuse) ==
        static_cast<std::ptrdiff_t>(misuses.size()));
  for (const errc e : misuses) CHECK(make_error_code(e) == condition::misuse);
  CHECK(make_error_condition(condition::misuse).message() == "the library was used against its rules");
}
