// A client's session under attack; see one_session.hpp.
#include "one_session.hpp"

FUZZ_TARGET(fuzz_session_as_client) {
  fuzz::one_session s(fuzz::role::client, in);
  s.run();
}
