#pragma once

#include <muxpro/timer.hpp>

namespace muxpro {

MUXPRO_DECL std::size_t timers_of(asio::io_context& io) {
  return detail::service_of(io.get_executor()).timers();
}

}  // namespace muxpro
