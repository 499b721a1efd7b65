// tls_engine: what is TLS of a tls_stream. It turns records into text and text into records, and waits for
// nothing. OpenSSL does the handshake, and all of TLS 1.2. Behind the handshake of TLS 1.3 a tls13_layer has
// the records: OpenSSL would copy each byte twice more. Ring 4.
#pragma once

#include "proxy/transport/tls13_layer.hpp"
#include "proxy/transport/tls_buffer.hpp"
#include "proxy/transport/tls_secrets.hpp"

#include <openssl/ssl.h>
#include <asio/buffer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

  /// `ssl` is set up as a client or as a server.
  explicit tls_engine(ssl_ptr ssl, tls_extras extras = {});
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;

  /// Null behind forget_handshake().
  SSL* ssl() const noexcept { return ssl_.get(); }
  /// Frees what only a handshake needs, if the records are not OpenSSL's.
  void forget_handshake() noexcept {
    if (!layer_) return;
    ssl_.reset();
    handshake_ = nullptr;
  }
  /// TLS has failed, and there may be an alert for the peer.
  bool failed() const noexcept { return failure_ || (layer_ && layer_->failure()); }
  /// Whether OpenSSL has no part in the records any more.
  bool has_own_layer() const noexcept { return layer_.has_value(); }

  needs handshake(std::error_code& ec);
  /// Opens as many records as are there and fit, or one. `n` grows by their text.
  needs read(asio::mutable_buffer into, std::size_t& n, std::error_code& ec) noexcept;
  /// Whether read() gets text, the end or an error: opens a record for that.
  needs peek(std::error_code& ec) noexcept;
  /// From now on a record is opened when the whole of it is there, and read() opens one.
  void open_one_at_a_time(bool on = true) noexcept { one_at_a_time_ = on; }
  bool opens_one_at_a_time() const noexcept { return one_at_a_time_; }
  /// Seals as many records as there is room for. Returns the size of their text, 256 KiB at most. 0: `ec` is
  /// the reason, or there was no text, or no room.
  std::size_t write(std::span<const asio::const_buffer> text, std::error_code& ec);
  /// The next record has new keys, if this is TLS 1.3. The peer is asked for the same if `both`.
  void update_keys(bool both) noexcept;
  /// Bytes of text that are opened and not read.
  std::size_t opened() const noexcept;
  /// The records that are not opened.
  const_bytes unopened() const noexcept { return layer_ ? layer_->unopened() : input.data(); }
  /// Takes them out of `input`, together with what is opened and not read, which is lost.
  std::vector<std::byte> take_unopened();
  needs close_notify(std::error_code& ec);
  /// What the end of the stream below means: EOF if the peer has sent close_notify.
  std::error_code meaning_of_eof() const noexcept;
  /// What is sealed is not sent any more, nor anything behind it.
  void drop_output(std::error_code why) noexcept;
  /// From now on no record goes to the peer.
  void mute() noexcept {
    muted_ = true;
    if (layer_) layer_->mute();
  }
  /// OpenSSL frees its buffers if there is nothing in them.
  void rest() noexcept;

  tls_buffer input, output;  ///< records of the peer, and records for it

 private:
  friend struct tls_bio;
  /// After a pause the peer can open the first records when it has one packet. Longer ones cost less.
  static constexpr std::size_t small_record = 1350, small_until = 32 * 1024;
  static constexpr std::size_t most_text = 16 * record_text;
  static constexpr auto pause = std::chrono::seconds(1);
  /// Ends OpenSSL's part, if the context shares its secrets, the suite is a known one and no tickets are
  /// wanted.
  void begin_own_layer(std::error_code& ec) noexcept;
  static bool wants_short_records(const SSL* tls) noexcept;
  static void count_record(int sent, int, int type, const void*, std::size_t, SSL*, void* self);
  needs result_of(int result, std::error_code& ec) noexcept;
  std::size_t write_record(text_list& text, std::size_t most, std::error_code& ec) noexcept;
  std::size_t write_own_record(text_list& text, std::size_t most, std::error_code& ec);
  bool room_for_record();
  void begin_flow() noexcept;
  bool record_begins() noexcept;
  int give(char* to, int size) noexcept;
  int take(const char* from, int size) noexcept;

  ssl_ptr ssl_;
  std::function<int(SSL*)> handshake_;
  bool one_at_a_time_ = false, muted_ = false;
  tls_secrets secrets_;
  std::uint64_t sent_ = 0;            ///< records of the last flight of the handshake
  std::optional<tls13_layer> layer_;  ///< has the records
  std::error_code failure_;           ///< the first that OpenSSL has reported
  std::error_code dropped_;           ///< why output was dropped
  std::size_t record_left_ = 0;       ///< of the record that OpenSSL is reading
  std::size_t flow_ = 0;              ///< text that was written since the last pause
  std::chrono::steady_clock::time_point written_;
};

}  // namespace muxpro::proxy
