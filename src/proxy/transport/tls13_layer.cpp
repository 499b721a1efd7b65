#include "proxy/transport/tls13_layer.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <asio/ssl/error.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

const_bytes octets(const tls_secrets::secret& s) noexcept { return const_bytes(s.octets).first(s.size); }

std::error_code ssl_error(int reason) noexcept {
  return {static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, reason)), asio::error::get_ssl_category()};
}

/// The size of a record with its head, of which input has record_header bytes or more.
std::size_t size_of_record(const_bytes input) noexcept {
  return record_header +
         (std::to_integer<std::size_t>(input[3]) << 8 | std::to_integer<std::size_t>(input[4]));
}

}  // namespace

tls13_layer::tls13_layer(role side, tls_suite suite, const tls_secrets& secrets, std::uint64_t sent,
                         tls_buffer& input, tls_buffer& output)
    : input_(input),
      output_(output),
      opens_(suite, octets(side == role::client ? secrets.server : secrets.client), 0,
             aead_key::use::to_open),
      seals_(suite, octets(side == role::client ? secrets.client : secrets.server), sent,
             aead_key::use::to_seal),
      messages_(side == role::client) {}

/// libcrypto has failed.
std::error_code tls13_layer::broken() noexcept { return failure_ = ssl_error(ERR_R_INTERNAL_ERROR); }

bool tls13_layer::read(asio::mutable_buffer into, bool one, std::size_t& n, std::error_code& ec) noexcept
    try {
  const std::size_t before = n;
  while (into.size() > 0 && !(one && n > before)) {
    std::size_t got = 0;
    if (opened_ > 0) {
      got = asio::buffer_copy(into, asio::buffer(input_.data().data(), opened_));
      opened_ -= got;
      input_.consume(opened_ > 0 ? got : got + std::exchange(tail_, 0));
    } else if (closed_by_peer_ || failure_) {
      ec = failure_ ? failure_ : asio::error::eof;
      return false;
    } else if (has_record()) {
      open_next(into, got);
    } else if (!failure_) {
      return true;
    }
    n += got;
    into += got;
  }
  return false;
} catch (const std::exception&) {
  ec = broken();
  return false;
}

bool tls13_layer::needs_input() noexcept try {
  std::size_t none = 0;
  while (opened_ == 0 && !closed_by_peer_ && !failure_) {
    if (has_record())
      open_next({}, none);
    else if (!failure_)
      return true;
  }
  return false;
} catch (const std::exception&) {
  broken();
  return false;
}

/// A head that no peer may send is a failure at once.
bool tls13_layer::has_record() {
  const const_bytes there = input_.data();
  if (there.size() < record_header) return false;
  const std::size_t size = size_of_record(there);
  if (there[0] != static_cast<std::byte>(record_type::application_data))
    fail(SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_MESSAGE);
  else if (there[1] != std::byte{3} || there[2] != std::byte{3})
    fail(SSL_AD_PROTOCOL_VERSION, SSL_R_WRONG_VERSION_NUMBER);
  else if (size > full_record)
    fail(SSL_AD_RECORD_OVERFLOW, SSL_R_ENCRYPTED_LENGTH_TOO_LONG);
  else if (size < record_overhead)
    fail(SSL_AD_BAD_RECORD_MAC, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC);
  return !failure_ && there.size() >= size;
}

void tls13_layer::open_next(asio::mutable_buffer into, std::size_t& n) {
  open(input_.data().first(size_of_record(input_.data())), into, n);
}

/// Text that fits goes to `into` at once, else it is opened where it is.
void tls13_layer::open(bytes record, asio::mutable_buffer into, std::size_t& n) {
  const bool fits = record.size() - record_overhead <= into.size();
  auto* const to = fits ? static_cast<std::byte*>(into.data()) : record.data() + record_header;
  const auto what = opens_.open(record, to);
  if (!what) return fail(SSL_AD_BAD_RECORD_MAC, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC);
  if (record.size() - record_overhead > record_text)
    return fail(SSL_AD_RECORD_OVERFLOW, SSL_R_DATA_LENGTH_TOO_LONG);
  const std::size_t size = record.size();
  take(*what, const_bytes(to, what->text));
  if (failure_) return;
  const bool is_text = what->type == static_cast<std::uint8_t>(record_type::application_data);
  if (!is_text || fits || what->text == 0) {
    if (is_text) n += what->text;
    return input_.consume(size);
  }
  input_.consume(record_header);
  opened_ = what->text;
  tail_ = size - record_header - opened_;
}

void tls13_layer::take(record_keys::opened what, const_bytes text) {
  useless_ = what.type == static_cast<std::uint8_t>(record_type::application_data) && !text.empty()
                 ? 0
                 : useless_ + 1;
  const bool is_message = what.type == static_cast<std::uint8_t>(record_type::handshake);
  if (useless_ > most_useless || (messages_.are_cut() && !is_message))
    return fail(SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_MESSAGE);
  switch (static_cast<record_type>(what.type)) {
    case record_type::application_data: return;
    case record_type::alert: return take_alert(text);
    case record_type::handshake: return take_messages(text);
  }
  fail(SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_RECORD);
}

void tls13_layer::take_alert(const_bytes text) {
  if (text.size() != 2) return fail(SSL_AD_UNEXPECTED_MESSAGE, SSL_R_INVALID_ALERT);
  const int what = std::to_integer<int>(text[1]);
  if (what == SSL_AD_CLOSE_NOTIFY)
    closed_by_peer_ = true;
  else if (what != SSL_AD_USER_CANCELLED)
    failure_ = ssl_error(SSL_AD_REASON_OFFSET + what);
}

void tls13_layer::take_messages(const_bytes text) {
  switch (messages_.take(text)) {
    case post_handshake_messages::event::nothing: return;
    case post_handshake_messages::event::mistake:
      return fail(SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_MESSAGE);
    case post_handshake_messages::event::bad_value: return fail(SSL_AD_ILLEGAL_PARAMETER, SSL_R_BAD_VALUE);
    case post_handshake_messages::event::new_keys_wanted:
      if (update_ == update::none) update_ = update::own;
      break;
    case post_handshake_messages::event::new_keys: break;
  }
  opens_.update();
}

void tls13_layer::fail(int alert, int reason) {
  if (failure_) return;
  failure_ = ssl_error(reason);
  const std::array<std::byte, 2> text{std::byte{SSL3_AL_FATAL}, static_cast<std::byte>(alert)};
  if (!closed_) seal(record_type::alert, text);
}

/// The spare room of output is for alerts and new keys. Throws std::length_error if it is used up.
void tls13_layer::seal(record_type type, std::span<const const_bytes> text, std::size_t size) {
  const bytes room = output_.room_left();
  if (room.size() < size + record_overhead) throw std::length_error("no room for a record");
  const std::size_t n = seals_.seal(type, text, size, room.data());
  if (!muted_) output_.filled(n);
}

std::size_t tls13_layer::write(text_list& text, std::size_t most, std::error_code& ec) noexcept try {
  ec = failure_;
  if (closed_ && !ec) ec = ssl_error(SSL_R_PROTOCOL_IS_SHUTDOWN);
  if (ec) return 0;
  if (seals_.are_used_up() && update_ == update::none) update_ = update::own;
  change_keys();
  std::array<const_bytes, 64> parts;
  std::size_t count = 0, n = 0;
  while (count < parts.size() && n < most && !text.empty()) {
    parts[count] = text.piece(most - n);
    n += parts[count].size();
    text.skip(parts[count++].size());
  }
  seal(record_type::application_data, std::span(parts).first(count), n);
  return n;
} catch (const std::exception&) {
  ec = broken();
  return 0;
}

void tls13_layer::change_keys() {
  if (update_ == update::none) return;
  const std::array<std::byte, 5> message{std::byte{24}, std::byte{0}, std::byte{0}, std::byte{1},
                                         std::byte{update_ == update::both}};
  seal(record_type::handshake, message);
  seals_.update();
  update_ = update::none;
}

void tls13_layer::close_notify() noexcept try {
  if (closed_ || failure_) return;
  change_keys();
  const std::array<std::byte, 2> text{std::byte{SSL3_AL_WARNING}, std::byte{SSL_AD_CLOSE_NOTIFY}};
  seal(record_type::alert, text);
  closed_ = true;
} catch (const std::exception&) {
  broken();
}

}  // namespace muxpro::proxy
