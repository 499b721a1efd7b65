// A server's session under attack; see one_session.hpp.
#include "one_session.hpp"

FUZZ_TARGET(fuzz_server_session) {
  fuzz::one_session s(fuzz::role::server, in);
  s.run();
}
