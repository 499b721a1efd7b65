// The keys of XHTTP's configuration for what requests look like.
#pragma once

#include "proxy/xhttp/options.hpp"

#include <muxpro/proxy/settings.hpp>

namespace muxpro::proxy {

void read_xhttp_forms(settings& s, xhttp_options& o);

}  // namespace muxpro::proxy
