// A server's session under attack; see one_session.hpp.
#include "one_session.hpp"

FUZZ_TARGET(fuzz_session_as_server) {
  fuzz::one_session s(fuzz::role::server, in);
  s.run();
}
