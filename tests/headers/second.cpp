#include "seen.hpp"

#include <muxpro.hpp>

seen seen_from_second() { return {&muxpro::error_category(), &muxpro::end_category()}; }
