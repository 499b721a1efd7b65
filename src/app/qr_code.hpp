// QR codes for a terminal, by libqrencode, which the program may be built without.
#pragma once

#include <string>

namespace muxpro::app {

bool has_qr_codes() noexcept;
/// Lines of half blocks, dark on light, with the margin that readers need. A sentence if `text` is too long
/// for a code.
std::string qr_code(const std::string& text);

}  // namespace muxpro::app
