// tls13_layer: the records of a TLS 1.3 connection behind its handshake, in place of OpenSSL's own. libcrypto
// seals and opens them where they are: a gather list goes into the records of `output`, and a record of
// `input` into the reader's memory, without a copy. Waits for nothing. Ring 4.
#pragma once

#include "proxy/tls/post_handshake_messages.hpp"
#include "proxy/tls/record_keys.hpp"
#include "proxy/transport/text_list.hpp"
#include "proxy/transport/tls_buffer.hpp"
#include "proxy/transport/tls_secrets.hpp"

#include <muxpro/options.hpp>

#include <asio/buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

class tls13_layer {
 public:
  /// `sent`: how many records of this end had the keys of application data.
  tls13_layer(role side, tls_suite suite, const tls_secrets& secrets, std::uint64_t sent, tls_buffer& input,
              tls_buffer& output);

  /// Opens as many records as are there and fit, or `one`. `n` grows by their text. Returns whether it needs
  /// more input.
  bool read(asio::mutable_buffer into, bool one, std::size_t& n, std::error_code& ec) noexcept;
  /// Whether read() needs more input. Opens a record for that.
  bool needs_input() noexcept;
  /// Bytes of text that are opened and not read.
  std::size_t opened() const noexcept { return opened_; }
  void drop_opened() noexcept { input_.consume(std::exchange(opened_, 0) + std::exchange(tail_, 0)); }
  /// The records that are not opened.
  const_bytes unopened() const noexcept { return input_.data().subspan(opened_ + tail_); }
  /// Seals a record of the first `most` bytes. `output` has room for a full one and its spare. Returns the
  /// size of its text. 0: `ec` is the reason.
  std::size_t write(text_list& text, std::size_t most, std::error_code& ec) noexcept;
  /// The next record of text has new keys. The peer is asked for the same if `both`.
  void update_keys(bool both) noexcept { update_ = both ? update::both : update::own; }
  void close_notify() noexcept;
  /// From now on no record goes to the peer.
  void mute() noexcept { muted_ = true; }
  bool is_closed_by_peer() const noexcept { return closed_by_peer_; }
  /// The error that ended it. The alert with the reason is in `output`.
  std::error_code failure() const noexcept { return failure_; }

 private:
  /// Of records in a row without text. OpenSSL's limit.
  static constexpr int most_useless = 32;
  enum class update : std::uint8_t { none, own, both };

  std::error_code broken() noexcept;
  bool has_record();
  void open_next(asio::mutable_buffer into, std::size_t& n);
  void open(bytes record, asio::mutable_buffer into, std::size_t& n);
  void take(record_keys::opened what, const_bytes text);
  void take_alert(const_bytes text);
  void take_messages(const_bytes text);
  void fail(int alert, int reason);
  void seal(record_type type, std::span<const const_bytes> text, std::size_t size);
  void seal(record_type type, const_bytes text) { seal(type, {&text, 1}, text.size()); }
  void change_keys();

  tls_buffer& input_;
  tls_buffer& output_;
  record_keys opens_, seals_;
  post_handshake_messages messages_;
  std::size_t opened_ = 0;  ///< text at the begin of input_
  std::size_t tail_ = 0;    ///< what the record has behind that
  int useless_ = 0;
  update update_ = update::none;
  bool closed_ = false, closed_by_peer_ = false, muted_ = false;
  std::error_code failure_;
};

}  // namespace muxpro::proxy
