// A client's session under attack; see one_session.hpp.
#include "one_session.hpp"

FUZZ_TARGET(fuzz_client_session) {
  fuzz::one_session s(fuzz::role::client, in);
  s.run();
}
