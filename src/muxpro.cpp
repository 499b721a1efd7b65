// The one translation unit of muxpro::muxpro.
#include <muxpro/src.hpp>
