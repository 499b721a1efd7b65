// tls_stream, TLS 1.3 and 1.2: the records of both directions are cut anywhere, changed, mixed with garbage
// and with alerts in plaintext, and end anywhere. A reader gets the first bytes that the writer wrote and no
// others, EOF only behind all of them, and each operation completes. A reader that stops between two records
// leaves exactly the bytes behind the first one.
#include "fuzz.hpp"

#include "proxy/transport/tls_secrets.hpp"
#include "proxy/transport/tls_stream.hpp"

#include <muxpro/pipe.hpp>

#include <asio/io_context.hpp>

#include <cstring>
#include <initializer_list>
#include <optional>
#include <utility>

namespace {

using namespace fuzz;
using muxpro::make_pipe;
using muxpro::pipe_end;
using muxpro::proxy::ssl_ptr;
using tls_end = muxpro::proxy::tls_stream<pipe_end>;

// A shared key saves the signatures.
unsigned client_key(SSL*, const char*, char* name, unsigned, unsigned char* key, unsigned) {
  std::strcpy(name, "fuzz");
  std::memset(key, 1, 16);
  return 16;
}
unsigned server_key(SSL*, const char*, unsigned char* key, unsigned) {
  std::memset(key, 1, 16);
  return 16;
}

SSL_CTX* make_tls_context(int version, bool own_records) {
  SSL_CTX* const c = SSL_CTX_new(TLS_method());
  if (own_records) muxpro::proxy::share_secrets(c);
  SSL_CTX_set_min_proto_version(c, version);
  SSL_CTX_set_max_proto_version(c, version);
  SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_cipher_list(c, "PSK-AES128-GCM-SHA256");
  SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(c, 0);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_psk_client_callback(c, client_key);
  SSL_CTX_set_psk_server_callback(c, server_key);
  return c;
}

/// As in the proxy a server refuses to renegotiate. A client does it here.
ssl_ptr make_tls(bool server, bool old, bool own_records) {
  static SSL_CTX* const context_1_3 = make_tls_context(TLS1_3_VERSION, false);
  static SSL_CTX* const context_with_own_records = make_tls_context(TLS1_3_VERSION, true);
  static SSL_CTX* const context_1_2 = make_tls_context(TLS1_2_VERSION, true);
  SSL_CTX* const newer = own_records ? context_with_own_records : context_1_3;
  ssl_ptr s(SSL_new(old ? context_1_2 : newer));
  if (server) SSL_set_options(s.get(), SSL_OP_NO_RENEGOTIATION);
  server ? SSL_set_accept_state(s.get()) : SSL_set_connect_state(s.get());
  return s;
}

/// What one end writes, and what the other one reads of it.
struct tls_way {
  std::byte text_at(std::size_t i) const { return static_cast<std::byte>(i % 251) ^ mask; }

  std::byte mask{};         ///< the directions have different text
  tls_way* back = nullptr;  ///< the other direction
  std::optional<tls_end>*writer = nullptr, *reader = nullptr;
  pipe_end *near = nullptr, *far = nullptr;  ///< has the writer's records; takes the reader's
  byte_string room, text;
  byte_string given;  ///< to the reader's end
  byte_string rest;   ///< what the reader has left in it
  std::size_t written = 0, received = 0;
  bool met = false;      ///< the reader's handshake has succeeded
  bool done = false;     ///< the reader has got an error
  bool ended = false;    ///< ... which was EOF
  bool stops = false;    ///< the reader has to stop behind a record
  bool stopped = false;  ///< it has
  bool busy = false, shut = false, cut = false, changed = false;
};

/// Whether a record begins at `at`, or would.
bool record_begins_at(const byte_string& records, std::size_t at) {
  constexpr std::size_t header = 5;
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(records[i]); };
  std::size_t i = 0;
  while (i < at && i + header <= records.size()) i += header + (byte(i + 3) << 8 | byte(i + 4));
  return i == at;
}

/// A client and a server that write and read. The input decides what each gets of the other one's bytes, and
/// when.
class tls_play {
 public:
  explicit tls_play(const_bytes in) : decide_(in) {
    const std::uint8_t mode = decide_.byte();
    meets_ = !(mode & 1);
    old_ = mode & 2;
    early_ = mode & 4;
    records_ = mode & 8;
    early_garbage_ = mode & 16;
    openssl_client_ = mode & 32;
    openssl_server_ = mode & 64;
    up_.room.resize(1 + decide_.size());
    down_.room.resize(1 + decide_.size());
    down_.mask = std::byte{0xff};
    up_.back = &down_, down_.back = &up_;
    up_.writer = down_.reader = &client_, down_.writer = up_.reader = &server_;
    up_.near = down_.far = &near_, down_.near = up_.far = &far_;
  }

  void run() {
    begin();
    while (!decide_.over()) act();
    constexpr int rounds = 16;  // more than any handshake has
    for (int i = 0; i < rounds; ++i) pass(up_, all), pass(down_, all);
    const bool unchanged = !up_.changed && !down_.changed;
    if (unchanged) must(up_.met && down_.met, "a handshake that is passed on succeeds");
    for (tls_way* w : {&up_, &down_}) {
      if (w->stopped) {
        check_rest(*w);
        continue;
      }
      if (up_.met && down_.met && !w->changed) must(w->received == w->written, "all text arrives");
      if (unchanged && w->shut) must(w->ended, "and its end");
      if (w->cut) must(w->done, "a reader gets to know that the stream has ended");
    }
    must(SSL_num_renegotiations(server_->ssl()) == 0, "a server does not renegotiate");
    end();
  }

 private:
  static constexpr std::size_t all = 1 << 20;  ///< more than the ends write

  void begin() {
    auto [c, near] = make_pipe(io_.get_executor(), all);
    auto [s, far] = make_pipe(io_.get_executor(), all);
    near_ = std::move(near);
    far_ = std::move(far);
    client_.emplace(std::move(c), make_tls(false, old_, !openssl_client_));
    begin_handshake(down_);
    muxpro::proxy::tls_extras extras;
    if (early_) extras.early = take_early();
    server_.emplace(std::move(s), make_tls(true, old_, !openssl_server_), std::move(extras));
    begin_handshake(up_);
    if (meets_) meet();
  }
  void begin_handshake(tls_way& w) {
    tls_end& end = **w.reader;
    if (records_) end.read_one_record_at_a_time();
    end.async_handshake(counted(tally_, [this, &w](std::error_code ec) {
      w.met = !ec;
      w.done = !w.met;
      if (w.met) read(w);
    }));
  }
  /// The first bytes of ClientHello, with garbage behind them or not.
  byte_string take_early() {
    turn();
    byte_string some = take(near_, 1 + decide_.size());
    if (early_garbage_) append_garbage(some);
    up_.given = some;
    return some;
  }
  void meet() {
    const std::size_t part = 1 + decide_.size();
    for (int i = 0; i < 32 && !(up_.met && down_.met); ++i) {
      turn();
      for (int j = 0; j < 2000 && near_.available() > 0; ++j) pass(up_, part);
      pass(down_, all);
    }
    must(up_.changed || (up_.met && down_.met), "a handshake that is passed on succeeds");
  }
  void read(tls_way& w) {
    const auto got = [this, &w](std::error_code ec, std::size_t n) {
      constexpr std::size_t record = 16384;
      must(!records_ || n <= record, "a read gets the text of one record");
      for (std::size_t i = 0; i < n; ++i)
        must(w.room[i] == w.text_at(w.received++), "text is that of the writer");
      must(w.received <= w.written, "no text is made up");
      w.done = static_cast<bool>(ec);
      w.ended = ec == asio::error::eof;
      must(!w.ended || (w.shut && w.received == w.written), "EOF is the writer's, behind its text");
      if (ec) return;
      w.stops ? stop(w) : read(w);
    };
    (*w.reader)->async_read_some(asio::buffer(w.room), counted(tally_, got));
  }
  void stop(tls_way& w) {
    w.stopped = true;
    w.rest = (*w.reader)->stop_reading();
    must((*w.reader)->unopened().empty(), "what has stopped has nothing");
  }
  void check_rest(tls_way& w) {
    const byte_string more = take((*w.reader)->next_layer(), all);
    w.rest.insert(w.rest.end(), more.begin(), more.end());
    must(w.rest.size() <= w.given.size(), "no rest is made up");
    const std::size_t opened = w.given.size() - w.rest.size();
    must(std::equal(w.rest.begin(), w.rest.end(), w.given.begin() + static_cast<std::ptrdiff_t>(opened)),
         "the rest is what was given last");
    if (!w.changed) must(record_begins_at(w.given, opened), "the rest begins behind a record");
  }

  void act() {
    const std::uint8_t b = decide_.byte();
    tls_way& w = b & 8 ? down_ : up_;
    const bool other = b & 16;
    switch (b % 8) {
      case 0: write(w, decide_.size()); break;
      case 1: pass(up_, decide_.size()); break;
      case 2: pass(down_, decide_.size()); break;
      case 3: change(w, decide_.byte()); break;
      case 4: other ? send_alert(w) : insert(w); break;
      case 5: cut(w); break;
      case 6: shut_down(w); break;
      default: other ? stop_later(w) : change_keys(w); break;
    }
    turn();
  }
  void write(tls_way& w, std::size_t n) {
    constexpr std::size_t most = 300'000;
    if (w.busy || w.shut || !w.back->met || up_.written + down_.written > most) return;
    w.busy = true;
    w.text.resize(n);
    for (std::size_t i = 0; i < n; ++i) w.text[i] = w.text_at(w.written + i);
    const auto wrote = [&w](std::error_code ec, std::size_t taken) {
      w.busy = false;
      must(!ec || taken == 0, "an error is no success");
      w.written += taken;
    };
    (*w.writer)->async_write_some(asio::buffer(w.text), counted(tally_, wrote));
    turn();
  }
  void shut_down(tls_way& w) {
    if (w.busy || w.shut || !w.back->met) return;
    w.shut = true;
    (*w.writer)->async_shutdown(counted(tally_, [](std::error_code) {}));
  }
  /// New keys, or another handshake, which the server refuses: that ends the client.
  void change_keys(tls_way& w) {
    if (w.shut || !w.back->met) return;
    if (!old_)
      (*w.writer)->update_keys(true);
    else if (SSL_renegotiate((*w.writer)->ssl()) == 1)
      up_.changed = down_.changed = true;
  }
  void stop_later(tls_way& w) { w.stops = w.stops || records_; }

  byte_string take(pipe_end& from, std::size_t n) {
    byte_string some(std::min(n, from.available()));
    if (some.empty()) return some;
    from.async_read_some(asio::buffer(some), counted(tally_, [](std::error_code, std::size_t) {}));
    turn();
    return some;
  }
  void give(tls_way& w, const byte_string& some) {
    if (some.empty() || w.cut) return;
    w.given.insert(w.given.end(), some.begin(), some.end());
    w.far->async_write_some(asio::buffer(some), counted(tally_, [](std::error_code, std::size_t) {}));
    turn();
  }
  void pass(tls_way& w, std::size_t n) {
    turn();
    give(w, take(*w.near, n));
  }
  void change(tls_way& w, std::uint8_t by) {
    byte_string some = take(*w.near, 1);
    if (some.empty()) return;
    w.changed = w.changed || by != 0;
    some.front() ^= static_cast<std::byte>(by);
    give(w, some);
  }
  void append_garbage(byte_string& to) {
    for (std::size_t n = decide_.below(64); n > 0; --n) {
      to.push_back(static_cast<std::byte>(decide_.byte()));
      up_.changed = true;
    }
  }
  void insert(tls_way& w) {
    byte_string some(decide_.below(64));
    for (std::byte& b : some) b = static_cast<std::byte>(decide_.byte());
    w.changed = w.changed || !some.empty();
    give(w, some);
  }
  /// Any level and any description, in plaintext.
  void send_alert(tls_way& w) {
    byte_string alert{std::byte{21}, std::byte{3}, std::byte{3}, std::byte{0}, std::byte{2}};
    for (int i = 0; i < 2; ++i) alert.push_back(static_cast<std::byte>(decide_.byte()));
    w.changed = true;
    give(w, alert);
  }
  void cut(tls_way& w) {
    if (w.cut) return;
    w.cut = w.changed = true;
    w.far->async_shutdown(counted(tally_, [](std::error_code) {}));
  }
  void turn() {
    io_.restart();
    io_.poll();
  }
  void end() {
    client_.reset();
    server_.reset();
    turn();
    must(tally_.called == tally_.begun, "each operation completes");
  }

  choices decide_;
  bool meets_ = false;          ///< the handshake is passed on first
  bool old_ = false;            ///< TLS 1.2
  bool early_ = false;          ///< the server has got the first bytes before it began
  bool early_garbage_ = false;  ///< ... and others behind them
  bool openssl_client_ = false, openssl_server_ = false;  ///< whose records OpenSSL has
  bool records_ = false;                                  ///< both ends read one record at a time
  tally tally_;
  asio::io_context io_;
  std::optional<tls_end> client_, server_;
  pipe_end near_, far_;  ///< the other ends of the client's pipe and of the server's
  tls_way up_, down_;
};

}  // namespace

FUZZ_TARGET(fuzz_tls_stream) { tls_play(in).run(); }
