#pragma once

#include <muxpro/impl/relay.hpp>

namespace muxpro::detail {

MUXPRO_DECL loop relay_from(const std::shared_ptr<relay_state>& s, relay_side side, any_stream& from,
                            any_stream& to) {
  return from.flows_out() && to.takes_at_once() ? flow_from(s, side, from, to) : copy_from(s, side, from, to);
}

}  // namespace muxpro::detail
