// post_handshake_messages: what may follow the handshake of TLS 1.3 (RFC 8446 section 4.6): tickets of a
// server, which are skipped, and changes of keys. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace muxpro::proxy {

class post_handshake_messages {
 public:
  enum class event : std::uint8_t { nothing, new_keys, new_keys_wanted, mistake, bad_value };

  /// Only a server sends tickets.
  explicit post_handshake_messages(bool of_server) noexcept : of_server_(of_server) {}

  /// Takes the text of a record of type handshake. new_keys: the peer's next record has new keys.
  /// new_keys_wanted: so must the next one to the peer. mistake: the peer must not send this.
  /// bad_value: a message that it may send has a value that no message has.
  event take(const_bytes text) noexcept;
  /// Whether the last message has to go on in the next record.
  bool are_cut() const noexcept { return head_size_ > 0 || rest_ > 0; }

 private:
  /// The longest NewSessionTicket.
  static constexpr std::size_t most_ticket = 4 + 4 + 1 + 255 + 2 + 65535 + 2 + 65535;
  static constexpr std::size_t head = 4;

  bool take_head(const_bytes& text) noexcept;
  bool is_update() const noexcept;

  const bool of_server_;
  std::array<std::byte, head> head_{};
  std::size_t head_size_ = 0;
  std::size_t rest_ = 0;  ///< of a ticket
};

}  // namespace muxpro::proxy
