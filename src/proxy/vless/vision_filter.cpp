#include "proxy/vless/vision_filter.hpp"

#include "proxy/base/byte_reader.hpp"

#include <algorithm>
#include <array>

namespace muxpro::proxy {

namespace {

// RFC 8446 sections 4.1.3, 5.1 and B.4.
constexpr std::size_t head_of_record = 5;
constexpr std::uint64_t handshake_content = 22, application_content = 23;
constexpr std::uint64_t client_hello_message = 1, server_hello_message = 2;
/// The extension supported_versions of a ServerHello that has chosen TLS 1.3.
constexpr std::array chose_tls13{std::byte{0}, std::byte{0x2b}, std::byte{0},
                                 std::byte{2}, std::byte{3},    std::byte{4}};

// All suites of TLS 1.3 but the one with a short tag.
bool has_long_tag(std::uint16_t suite) noexcept { return suite >= 0x1301 && suite <= 0x1304; }

}  // namespace

void vision_filter::see(const_bytes piece) noexcept {
  if (left_ == 0) return;
  --left_;
  byte_reader r(piece);
  const bool handshake = r.number(1) == handshake_content && r.number(1) == 3;
  r.take(3);
  const std::uint64_t message = r.number(1);
  if (handshake && r.good()) {
    tls_ = tls_ || message == client_hello_message || message == server_hello_message;
    if (message == server_hello_message) begin_server_hello(piece);
  }
  if (hello_left_ > 0) look_into_server_hello(piece);
}

void vision_filter::begin_server_hello(const_bytes piece) noexcept {
  server_hello_ = true;
  byte_reader r(piece);
  r.take(3);
  hello_left_ = head_of_record + r.size(2);
  r.take(4 + 2 + 32);  // type and length, legacy_version, random
  r.counted(1);        // legacy_session_id_echo
  suite_ = static_cast<std::uint16_t>(r.number(2));
}

void vision_filter::look_into_server_hello(const_bytes piece) noexcept {
  const const_bytes part = piece.first(std::min(piece.size(), hello_left_));
  hello_left_ -= part.size();
  const auto found = std::search(part.begin(), part.end(), chose_tls13.begin(), chose_tls13.end());
  if (found != part.end()) may_go_raw_ = has_long_tag(suite_);
  if (found != part.end() || hello_left_ == 0) left_ = 0;
}

std::size_t whole_records(const_bytes data) noexcept {
  std::size_t n = 0;
  byte_reader r(data);
  for (;;) {
    const bool is_data = r.number(1) == application_content && r.number(2) == 0x0303;
    r.counted(2);
    if (!r.good() || !is_data) return n;
    n = r.position();
  }
}

}  // namespace muxpro::proxy
