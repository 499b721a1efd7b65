// tls_engine: OpenSSL's side of a tls_stream. It turns records into text and text into records, and waits for
// nothing. Ring 4.
#pragma once

#include "proxy/transport/tls_buffer.hpp"

#include <openssl/ssl.h>
#include <asio/buffer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

struct free_ssl {
  void operator()(SSL* s) const noexcept { SSL_free(s); }
};
/// The state of one TLS connection.
using ssl_ptr = std::unique_ptr<SSL, free_ssl>;

/// What a protocol may add that makes more of a TLS connection.
struct tls_extras {
  /// Bytes of the peer that were read already.
  std::vector<std::byte> early;
  /// Called instead of SSL_do_handshake(), which it has to call.
  std::function<int(SSL*)> handshake;
};

class tls_engine {
 public:
  /// What has to happen before the same call can go on.
  enum class needs { nothing, input, output };

  /// `ssl` knows whether it is a client or a server.
  explicit tls_engine(ssl_ptr ssl, tls_extras extras = {});
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;

  SSL* ssl() const noexcept { return ssl_.get(); }
  /// OpenSSL has reported an error, and there may be an alert for the peer.
  bool failed() const noexcept { return static_cast<bool>(failure_); }

  needs handshake(std::error_code& ec);
  /// Opens as many records as are there and fit, or one. `n` grows by their text.
  needs read(asio::mutable_buffer into, std::size_t& n, std::error_code& ec) noexcept;
  /// Whether read() gets text, the end or an error: opens a record for that.
  needs peek(std::error_code& ec) noexcept;
  /// From now on OpenSSL gets a record when the whole of it is there, and read() opens one.
  void open_one_at_a_time(bool on = true) noexcept { one_at_a_time_ = on; }
  bool opens_one_at_a_time() const noexcept { return one_at_a_time_; }
  /// Seals as many records as there is room for. Returns the size of their text, 256 KiB at most. 0: `ec` is
  /// the reason, or there was no text, or no room.
  std::size_t write(std::span<const asio::const_buffer> text, std::error_code& ec);
  needs close_notify(std::error_code& ec);
  /// What the end of the stream below means: EOF if the peer has sent close_notify.
  std::error_code meaning_of_eof() const noexcept;
  /// What is sealed is not sent any more, nor anything behind it.
  void drop_output(std::error_code why) noexcept;
  /// From now on nothing of OpenSSL goes to the peer.
  void mute() noexcept { muted_ = true; }
  /// OpenSSL frees its buffers if there is nothing in them.
  void rest() noexcept;

  tls_buffer input, output;  ///< records of the peer, and records for it

 private:
  friend struct tls_bio;
  /// After a pause the peer can open the first records when it has one packet. Longer ones cost less.
  static constexpr std::size_t small_record = 1350, small_until = 32 * 1024;
  static constexpr std::size_t most_text = 16 * record_text;
  static constexpr auto pause = std::chrono::seconds(1);
  needs result_of(int result, std::error_code& ec) noexcept;
  std::size_t write_record(const_bytes text, std::error_code& ec) noexcept;
  bool room_for_record();
  void begin_flow() noexcept;
  bool record_begins() noexcept;
  int give(char* to, int size) noexcept;
  int take(const char* from, int size) noexcept;

  ssl_ptr ssl_;
  std::function<int(SSL*)> handshake_;
  bool one_at_a_time_ = false, muted_ = false;
  std::error_code failure_;      ///< the first that OpenSSL has reported
  std::error_code dropped_;      ///< why output was dropped
  std::size_t record_left_ = 0;  ///< of the record that OpenSSL is reading
  std::size_t flow_ = 0;         ///< text that was written since the last pause
  std::chrono::steady_clock::time_point written_;
};

}  // namespace muxpro::proxy
