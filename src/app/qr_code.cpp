#include "qr_code.hpp"

#if defined(MUXPRO_QR)
#include <qrencode.h>
#endif

#include <memory>
#include <string_view>

namespace muxpro::app {

#if defined(MUXPRO_QR)
namespace {

struct free_code {
  void operator()(QRcode* c) const noexcept { QRcode_free(c); }
};

constexpr int margin = 2;  // modules, terminals add space of their own

bool is_dark(const QRcode& c, int x, int y) {
  if (x < 0 || y < 0 || x >= c.width || y >= c.width) return false;
  return (c.data[y * c.width + x] & 1) != 0;
}

/// Two modules, one above the other, on a terminal with light text on a dark ground.
std::string_view block_of(bool upper_is_dark, bool lower_is_dark) {
  if (upper_is_dark) return lower_is_dark ? " " : "\u2584";
  return lower_is_dark ? "\u2580" : "\u2588";
}

}  // namespace

bool has_qr_codes() noexcept { return true; }

std::string qr_code(const std::string& text) {
  const std::unique_ptr<QRcode, free_code> c(QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_L));
  if (!c) return "This link is too long for a QR code.";
  std::string out;
  for (int y = -margin; y < c->width + margin; y += 2) {
    for (int x = -margin; x < c->width + margin; ++x)
      out += block_of(is_dark(*c, x, y), is_dark(*c, x, y + 1));
    out += '\n';
  }
  return out;
}
#else
bool has_qr_codes() noexcept { return false; }
std::string qr_code(const std::string&) { return {}; }
#endif

}  // namespace muxpro::app
