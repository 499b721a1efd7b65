// Two sessions over a wire that is short, slow to run and may be cut anywhere, and applications that do
// anything with their sub-streams. What comes out is a prefix of what went in, with its own tag; eof comes
// behind the last byte and never for a cut; datagrams come whole; both wires keep the rules; everything ends.
#include "pair_model.hpp"

FUZZ_TARGET(fuzz_session_pair) {
  fuzz::pair_model m(in);
  m.run();
}
