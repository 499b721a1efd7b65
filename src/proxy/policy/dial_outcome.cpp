#include "proxy/policy/dial_outcome.hpp"

#include <asio/error.hpp>

namespace muxpro::proxy {

namespace {

dial_outcome outcome_of_end(end_code c) noexcept {
  switch (c) {
    case end_code::rejected: return dial_outcome::rejected;
    case end_code::unreachable: return dial_outcome::host_unreachable;
    case end_code::timeout: return dial_outcome::timed_out;
    case end_code::remote_disconnect: return dial_outcome::refused;
    default: return dial_outcome::failed;
  }
}

dial_outcome outcome_of_errc(errc e) noexcept {
  switch (e) {
    case errc::negotiate_timeout:
    case errc::target_timeout:
    case errc::stalled:
    case errc::stream_timeout: return dial_outcome::timed_out;
    case errc::target_rejected: return dial_outcome::rejected;
    case errc::target_unreachable:
    case errc::bad_host: return dial_outcome::host_unreachable;
    default: return dial_outcome::failed;
  }
}

bool is_no_such_name(const std::error_code& ec) noexcept {
  return ec == asio::error::host_not_found || ec == asio::error::host_not_found_try_again ||
         ec == asio::error::no_data || ec == asio::error::no_recovery;
}

dial_outcome outcome_of_system(const std::error_code& ec) noexcept {
  if (ec == std::errc::host_unreachable) return dial_outcome::host_unreachable;
  if (ec == std::errc::network_unreachable || ec == std::errc::network_down)
    return dial_outcome::network_unreachable;
  if (ec == std::errc::connection_refused || ec == std::errc::connection_reset) return dial_outcome::refused;
  if (ec == std::errc::timed_out) return dial_outcome::timed_out;
  if (ec == std::errc::permission_denied || ec == std::errc::operation_not_permitted)
    return dial_outcome::rejected;
  if (ec == std::errc::address_family_not_supported) return dial_outcome::wrong_family;
  return dial_outcome::failed;
}

}  // namespace

dial_outcome outcome_of(const std::error_code& ec) noexcept {
  if (!ec) return dial_outcome::connected;
  if (ec.category() == end_category()) return outcome_of_end(static_cast<end_code>(ec.value()));
  if (ec.category() == error_category()) return outcome_of_errc(static_cast<errc>(ec.value()));
  if (is_no_such_name(ec)) return dial_outcome::host_unreachable;
  // The codes of Asio's own category equal no std::errc in Asio 1.22.
  const bool of_asio = ec.category() == asio::error::get_system_category();
  return outcome_of_system(of_asio ? std::error_code(ec.value(), std::system_category()) : ec);
}

end_code end_code_of(const std::error_code& why) noexcept {
  if (why.category() == end_category()) return static_cast<end_code>(why.value());
  if (why == errc::out_of_room || why == std::errc::not_enough_memory) return end_code::resources;
  if (why == errc::bad_answer) return end_code::protocol_error;
  if (why == asio::error::connection_reset) return end_code::remote_disconnect;
  switch (outcome_of(why)) {
    case dial_outcome::rejected: return end_code::rejected;
    case dial_outcome::timed_out: return end_code::timeout;
    case dial_outcome::refused:
    case dial_outcome::host_unreachable:
    case dial_outcome::network_unreachable:
    case dial_outcome::wrong_family: return end_code::unreachable;
    default: return end_code::remote_disconnect;
  }
}

}  // namespace muxpro::proxy
