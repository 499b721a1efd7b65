#include "proxy/tls/post_handshake_messages.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

constexpr std::byte new_session_ticket{4}, key_update{24};

}  // namespace

post_handshake_messages::event post_handshake_messages::take(const_bytes text) noexcept {
  if (text.empty()) return event::mistake;
  while (!text.empty()) {
    const std::size_t skipped = std::min(rest_, text.size());
    rest_ -= skipped;
    text = text.subspan(skipped);
    if (text.empty() || !take_head(text)) break;
    if (is_update()) {
      // Nothing else may be in this record, because what follows has other keys.
      if (text.empty()) break;
      head_size_ = 0;
      if (text.size() > 1) return event::mistake;
      if (text.front() > std::byte{1}) return event::bad_value;
      return text.front() == std::byte{1} ? event::new_keys_wanted : event::new_keys;
    }
    rest_ = std::to_integer<std::size_t>(head_[1]) << 16 | std::to_integer<std::size_t>(head_[2]) << 8 |
            std::to_integer<std::size_t>(head_[3]);
    head_size_ = 0;
    if (!of_server_ || head_[0] != new_session_ticket || rest_ > most_ticket) return event::mistake;
  }
  return event::nothing;
}

/// Returns whether the head is whole.
bool post_handshake_messages::take_head(const_bytes& text) noexcept {
  const std::size_t n = std::min(head - head_size_, text.size());
  std::copy_n(text.begin(), n, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
  head_size_ += n;
  text = text.subspan(n);
  return head_size_ == head;
}

bool post_handshake_messages::is_update() const noexcept {
  return head_ == std::array<std::byte, head>{key_update, std::byte{0}, std::byte{0}, std::byte{1}};
}

}  // namespace muxpro::proxy
