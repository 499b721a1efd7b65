// A server's session of Mux.Cool under attack; see one_session.hpp.
#include "one_session.hpp"

FUZZ_TARGET(fuzz_mux_cool_as_server) {
  fuzz::one_session s(fuzz::role::server, in, muxpro::dialect::mux_cool);
  s.run();
}
