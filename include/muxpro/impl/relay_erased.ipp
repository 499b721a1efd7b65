#pragma once

#include <muxpro/impl/relay.hpp>

namespace muxpro::detail {

MUXPRO_DECL loop relay_from(const std::shared_ptr<relay_state>& s, relay_side side, any_stream& from,
                            any_stream& to, bool ended) {
  return from.flows_out() && to.takes_at_once() ? flow_from(s, side, from, to, ended)
                                                : copy_from(s, side, from, to, ended);
}

MUXPRO_DECL loop first_from(const std::shared_ptr<relay_state>& s, relay_side side, any_stream& from,
                            any_stream& to, std::unique_ptr<relay_beginning> beginning) {
  if (beginning) return begin_from(s, side, from, to, std::move(beginning));
  return relay_from(s, side, from, to, false);
}

}  // namespace muxpro::detail
