#include "proxy/transport/tls_engine.hpp"

#include "proxy/transport/text_list.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <asio/error.hpp>
#include <asio/ssl/error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

namespace muxpro::proxy {

/// A BIO that reads from `input` and writes to `output` without a buffer of its own.
struct tls_bio {
  static int read(BIO* b, char* to, int size) {
    BIO_clear_retry_flags(b);
    const int n = of(b).give(to, size);
    if (n == 0) BIO_set_retry_read(b);
    return n > 0 ? n : -1;
  }
  static int write(BIO* b, const char* from, int size) {
    BIO_clear_retry_flags(b);
    const int n = of(b).take(from, size);
    if (n == 0) BIO_set_retry_write(b);
    return n > 0 ? n : -1;
  }
  static long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }
  static tls_engine& of(BIO* b) { return *static_cast<tls_engine*>(BIO_get_data(b)); }
  static const BIO_METHOD* method();
};

const BIO_METHOD* tls_bio::method() {
  static BIO_METHOD* const one = [] {
    BIO_METHOD* const m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "muxpro");
    if (!m) throw std::bad_alloc();
    BIO_meth_set_read(m, read);
    BIO_meth_set_write(m, write);
    BIO_meth_set_ctrl(m, control);
    return m;
  }();
  return one;
}

namespace {

thread_local std::array<std::byte, record_text> gathered;

}  // namespace

tls_engine::tls_engine(ssl_ptr ssl, tls_extras extras)
    : ssl_(std::move(ssl)), handshake_(std::move(extras.handshake)) {
  BIO* const bio = BIO_new(tls_bio::method());
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (shares_secrets(ssl_.get())) {
    collect_secrets(ssl_.get(), &secrets_);
    SSL_set_msg_callback(ssl_.get(), count_record);
    SSL_set_msg_callback_arg(ssl_.get(), this);
  }
  const std::vector<std::byte>& early = extras.early;
  if (early.empty()) return;
  std::memcpy(input.room(early.size()).data(), early.data(), early.size());
  input.filled(early.size());
}

// What this end sends behind the last message of the peer has the keys of application data. A client sends
// nothing then, and a server its tickets.
tls_engine::needs tls_engine::handshake(std::error_code& ec) {
  if (layer_) return needs::nothing;
  ERR_clear_error();
  const needs then = result_of(handshake_ ? handshake_(ssl_.get()) : SSL_do_handshake(ssl_.get()), ec);
  if (then == needs::input) sent_ = 0;
  if (!ec && then == needs::nothing && shares_secrets(ssl_.get())) begin_own_layer(ec);
  return then;
}

void tls_engine::count_record(int sent, int, int type, const void*, std::size_t, SSL*, void* self) {
  if (sent && type == SSL3_RT_HEADER) ++static_cast<tls_engine*>(self)->sent_;
}

/// The ends have agreed on max_fragment_length (RFC 6066 section 4), which OpenSSL obeys.
bool tls_engine::wants_short_records(const SSL* tls) noexcept {
  const SSL_SESSION* const s = SSL_get_session(tls);
  return s && SSL_SESSION_get_max_fragment_length(s) != TLSEXT_max_fragment_length_DISABLED;
}

// A client that resumes sessions leaves the records to OpenSSL, which reads the tickets among them.
void tls_engine::begin_own_layer(std::error_code& ec) noexcept try {
  SSL* const tls = ssl_.get();
  const auto suite = find_tls_suite(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(tls)));
  const bool wants_tickets =
      !SSL_is_server(tls) && (SSL_CTX_get_session_cache_mode(SSL_get_SSL_CTX(tls)) & SSL_SESS_CACHE_CLIENT);
  const bool usable = suite && secrets_.client.size == digest_size(suite->digest) &&
                      secrets_.server.size == digest_size(suite->digest) && !wants_short_records(tls);
  if (usable && !wants_tickets && SSL_version(tls) == TLS1_3_VERSION && record_left_ == 0) {
    const role side = SSL_is_server(tls) ? role::server : role::client;
    layer_.emplace(side, *suite, secrets_, side == role::client ? 0 : sent_, input, output);
    SSL_free_buffers(tls);
  }
  collect_secrets(tls, nullptr);
  SSL_set_msg_callback(tls, nullptr);
  secrets_.clear();
} catch (const std::exception&) {  // of libcrypto
  ec = failure_ = asio::error::no_memory;
}

tls_engine::needs tls_engine::read(asio::mutable_buffer into, std::size_t& n, std::error_code& ec) noexcept {
  if (layer_) return layer_->read(into, one_at_a_time_, n, ec) ? needs::input : needs::nothing;
  while (into.size() > 0) {
    std::size_t got = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
    if (result != 1) return result_of(result, ec);
    n += got;
    into += got;
    if (one_at_a_time_) break;
  }
  return needs::nothing;
}

tls_engine::needs tls_engine::peek(std::error_code& ec) noexcept {
  if (layer_) return layer_->needs_input() ? needs::input : needs::nothing;
  char first = 0;
  std::size_t n = 0;
  ERR_clear_error();
  return result_of(SSL_peek_ex(ssl_.get(), &first, 1, &n), ec);
}

std::size_t tls_engine::write(std::span<const asio::const_buffer> parts, std::error_code& ec) {
  std::size_t all = 0;
  text_list text(parts);
  begin_flow();
  ec = dropped_;
  while (!ec && !text.empty() && all < most_text && room_for_record()) {
    const std::size_t record = std::min(flow_ < small_until ? small_record : record_text, most_text - all);
    all += layer_ ? write_own_record(text, record, ec) : write_record(text, record, ec);
  }
  if (all > 0) ec.clear();
  return all;
}

bool tls_engine::room_for_record() { return output.room_left().size() >= full_record + tls_buffer::spare; }

void tls_engine::begin_flow() noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (now - written_ > pause) flow_ = 0;
  written_ = now;
}

std::size_t tls_engine::write_record(text_list& text, std::size_t most, std::error_code& ec) noexcept {
  const const_bytes record = text.next(most, gathered);
  std::size_t n = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), record.data(), record.size(), &n);
  if (result != 1 && result_of(result, ec) != needs::nothing) ec = asio::error::not_connected;
  text.skip(n);
  flow_ += n;
  return n;
}

std::size_t tls_engine::write_own_record(text_list& text, std::size_t most, std::error_code& ec) {
  const std::size_t n = layer_->write(text, most, ec);
  flow_ += n;
  return n;
}

void tls_engine::update_keys(bool both) noexcept {
  if (layer_) return layer_->update_keys(both);
  SSL_key_update(ssl_.get(), both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
}

std::size_t tls_engine::opened() const noexcept {
  return layer_ ? layer_->opened() : static_cast<std::size_t>(SSL_pending(ssl_.get()));
}

std::vector<std::byte> tls_engine::take_unopened() {
  const const_bytes all = unopened();
  std::vector<std::byte> out(all.begin(), all.end());
  if (layer_) layer_->drop_opened();
  input.consume(input.size());
  return out;
}

tls_engine::needs tls_engine::close_notify(std::error_code& ec) {
  if (!layer_ && SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) return needs::nothing;
  ec = dropped_;
  if (ec) return needs::nothing;
  if (output.room_left().size() < tls_buffer::spare) return needs::output;
  if (layer_) {
    layer_->close_notify();
    return needs::nothing;
  }
  // OpenSSL refuses to end what has still to announce new keys.
  if (SSL_get_key_update_type(ssl_.get()) != SSL_KEY_UPDATE_NONE) {
    const needs then = handshake(ec);
    if (ec || then != needs::nothing) return then;
  }
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  return result < 0 ? result_of(result, ec) : needs::nothing;
}

std::error_code tls_engine::meaning_of_eof() const noexcept {
  const bool closed =
      layer_ ? layer_->is_closed_by_peer() : SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN;
  if (closed) return asio::error::eof;
  return asio::error::connection_reset;
}

void tls_engine::drop_output(std::error_code why) noexcept {
  output.consume(output.size());
  if (!dropped_) dropped_ = why;
}

void tls_engine::rest() noexcept {
  if (!layer_ && !SSL_has_pending(ssl_.get())) SSL_free_buffers(ssl_.get());
}

// Reports the first error again after later ones. After a fatal alert of the peer OpenSSL reports the end of
// the stream, as after close_notify.
tls_engine::needs tls_engine::result_of(int result, std::error_code& ec) noexcept {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE: return needs::nothing;
    case SSL_ERROR_WANT_READ: return needs::input;
    case SSL_ERROR_WANT_WRITE: return needs::output;
    case SSL_ERROR_ZERO_RETURN: ec = failure_ ? failure_ : asio::error::eof; return needs::nothing;
    default: break;
  }
  const unsigned long reason = ERR_get_error();
  if (!failure_ && reason) failure_.assign(static_cast<int>(reason), asio::error::get_ssl_category());
  if (!failure_) failure_ = asio::error::connection_aborted;
  ec = failure_;
  return needs::nothing;
}

// OpenSSL gets the head of a record together with the first byte behind it: SSL_free_buffers() of some
// versions loses a head that is alone.
bool tls_engine::record_begins() noexcept {
  const const_bytes there = input.data();
  if (there.size() <= record_header) return false;
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(there[i]); };
  const std::size_t size = record_header + (byte(3) << 8 | byte(4));
  if (one_at_a_time_ && there.size() < std::min(size, full_record)) return false;
  record_left_ = size;
  return true;
}

int tls_engine::give(char* to, int size) noexcept {
  if (record_left_ == 0 && !record_begins()) return 0;
  const const_bytes there = input.data();
  const std::size_t n = std::min({static_cast<std::size_t>(size), record_left_, there.size()});
  if (n == 0) return 0;
  std::memcpy(to, there.data(), n);
  input.consume(n);
  record_left_ -= n;
  return static_cast<int>(n);
}

int tls_engine::take(const char* from, int size) noexcept try {
  if (muted_) return size;
  const bytes room = output.room_left();
  const std::size_t n = std::min(static_cast<std::size_t>(size), room.size());
  std::memcpy(room.data(), from, n);
  output.filled(n);
  return static_cast<int>(n);
} catch (const std::bad_alloc&) {
  return 0;
}

}  // namespace muxpro::proxy
