// tls_stream: its records are cut anywhere, changed, mixed with garbage, and end anywhere. A reader gets the
// first bytes that the writer wrote and no others, EOF only behind all of them, and each operation completes.
#include "fuzz.hpp"

#include "proxy/transport/tls_stream.hpp"

#include <muxpro/pipe.hpp>

#include <asio/io_context.hpp>

#include <cstring>
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

ssl_ptr make_ssl(bool server) {
  static SSL_CTX* const context = [] {
    SSL_CTX* const c = SSL_CTX_new(TLS_method());
    SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_num_tickets(c, 0);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_psk_client_callback(c, client_key);
    SSL_CTX_set_psk_server_callback(c, server_key);
    return c;
  }();
  ssl_ptr s(SSL_new(context));
  server ? SSL_set_accept_state(s.get()) : SSL_set_connect_state(s.get());
  return s;
}

std::byte text_at(std::size_t i) { return static_cast<std::byte>(i % 251); }

/// A client that writes and a server that reads. What they send goes through the hands of the input.
class tls_play {
 public:
  explicit tls_play(const_bytes in) : decide_(in) {
    constexpr std::size_t roomy = 1 << 20;
    auto [c, near] = make_pipe(io_.get_executor(), roomy);
    auto [s, far] = make_pipe(io_.get_executor(), roomy);
    client_.emplace(std::move(c), make_ssl(false));
    server_.emplace(std::move(s), make_ssl(true));
    near_ = std::move(near);
    far_ = std::move(far);
    room_.resize(1 + decide_.size());
  }

  void run() {
    const bool meets = !decide_.flag();
    if (meets) meet();
    read();
    while (!decide_.over()) act();
    pass(near_, far_, 1 << 20);
    if (meets && !changed_) must(received_ == written_, "all text arrives");
    if (meets && !changed_ && shut_) must(ended_, "and its end");
    if (cut_) must(done_, "a reader gets to know that the stream has ended");
    end();
  }

 private:
  void meet() {
    int met = 0;
    const auto done = [&met](std::error_code ec) { met += ec ? 0 : 1; };
    client_->async_handshake(counted(tally_, done));
    server_->async_handshake(counted(tally_, done));
    for (int i = 0; i < 32 && met < 2; ++i) {
      const std::size_t part = 1 + decide_.size();
      for (int j = 0; j < 2000 && near_.available() > 0; ++j) pass(near_, far_, part);
      pass(far_, near_, 1 << 20);
    }
    must(met == 2, "a handshake that is passed on succeeds");
  }
  void read() {
    const auto got = [this](std::error_code ec, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i)
        must(room_[i] == text_at(received_++), "text is that of the writer");
      must(received_ <= written_, "no text is made up");
      done_ = static_cast<bool>(ec);
      ended_ = ec == asio::error::eof;
      must(!ended_ || (shut_ && received_ == written_), "EOF is the writer's, behind its text");
      if (!ec) read();
    };
    server_->async_read_some(asio::buffer(room_), counted(tally_, got));
  }
  void act() {
    switch (decide_.below(8)) {
      case 0: write(decide_.size()); break;
      case 1: pass(near_, far_, decide_.size()); break;
      case 2: pass(far_, near_, decide_.size()); break;
      case 3: change(decide_.byte()); break;
      case 4: insert(decide_.below(64)); break;
      case 5: cut(); break;
      case 6: shut_down(); break;
      default: SSL_key_update(client_->native_handle(), SSL_KEY_UPDATE_REQUESTED); break;
    }
    turn();
  }

  void write(std::size_t n) {
    if (busy_ || shut_ || written_ > 300'000) return;
    busy_ = true;
    text_.resize(n);
    for (std::size_t i = 0; i < n; ++i) text_[i] = text_at(written_ + i);
    client_->async_write_some(asio::buffer(text_),
                              counted(tally_, [this](std::error_code ec, std::size_t taken) {
                                busy_ = false;
                                must(!ec || taken == 0, "an error is no success");
                                written_ += taken;
                              }));
    turn();
  }
  void shut_down() {
    if (busy_ || shut_) return;
    shut_ = true;
    client_->async_shutdown(counted(tally_, [](std::error_code) {}));
  }
  byte_string take(pipe_end& from, std::size_t n) {
    byte_string some(std::min(n, from.available()));
    if (some.empty()) return some;
    from.async_read_some(asio::buffer(some), counted(tally_, [](std::error_code, std::size_t) {}));
    turn();
    return some;
  }
  void give(pipe_end& to, const byte_string& some) {
    if (some.empty() || (cut_ && &to == &far_)) return;
    to.async_write_some(asio::buffer(some), counted(tally_, [](std::error_code, std::size_t) {}));
    turn();
  }
  void pass(pipe_end& from, pipe_end& to, std::size_t n) {
    turn();
    give(to, take(from, n));
  }
  void change(std::uint8_t by) {
    byte_string some = take(near_, 1);
    if (some.empty()) return;
    changed_ = changed_ || by != 0;
    some.front() ^= static_cast<std::byte>(by);
    give(far_, some);
  }
  void insert(std::size_t n) {
    byte_string some(n);
    for (std::byte& b : some) b = static_cast<std::byte>(decide_.byte());
    changed_ = changed_ || n > 0;
    give(far_, some);
  }
  void cut() {
    if (cut_) return;
    cut_ = changed_ = true;
    far_.async_shutdown(counted(tally_, [](std::error_code) {}));
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
  tally tally_;
  asio::io_context io_;
  std::optional<tls_end> client_, server_;
  pipe_end near_, far_;
  byte_string room_, text_;
  std::size_t written_ = 0, received_ = 0;
  bool busy_ = false, shut_ = false, cut_ = false, changed_ = false, done_ = false, ended_ = false;
};

}  // namespace

FUZZ_TARGET(fuzz_tls_stream) { tls_play(in).run(); }
