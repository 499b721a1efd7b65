// Two chunk_streams with a simple protocol, over pipes or over sockets.
#pragma once

#include "tls_link.hpp"

#include "proxy/transport/chunk_stream.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

namespace chunk_test {

using namespace tls_test;  // pipes, sockets, and what is done with streams

/// A head "HI", then chunks: a length of two bytes, the text with each byte inverted, and a byte '!'. A
/// length of 0 is the end.
constexpr std::size_t toy_most = 1000, toy_head = 2, toy_length = 2;

inline std::byte inverted(std::byte b) { return ~b; }

class toy_opener final : public chunk_opener {
 public:
  std::size_t size() const noexcept override {
    if (!begun_) return toy_head;
    return length_ > 0 ? length_ + 1 : toy_length;
  }
  std::size_t text() const noexcept override { return length_; }
  std::size_t open(const_bytes piece, std::byte* to, std::error_code& ec) override {
    if (!begun_) {
      begun_ = true;
      if (piece[0] != std::byte{'H'} || piece[1] != std::byte{'I'}) ec = errc::bad_answer;
      return 0;
    }
    if (length_ == 0) {
      length_ = std::to_integer<std::size_t>(piece[0]) << 8 | std::to_integer<std::size_t>(piece[1]);
      if (length_ == 0) ec = asio::error::eof;
      return 0;
    }
    const std::size_t n = std::exchange(length_, 0);
    if (piece.back() != std::byte{'!'}) {
      ec = errc::bad_answer;
      return 0;
    }
    std::transform(piece.begin(), piece.end() - 1, to, inverted);
    return n;
  }
  bool may_end() const noexcept override { return length_ == 0; }

 private:
  bool begun_ = false;
  std::size_t length_ = 0;
};

class toy_sealer final : public chunk_sealer {
 public:
  explicit toy_sealer(bool has_end) : has_end_(has_end) {}
  std::size_t most() const noexcept override { return toy_most; }
  std::size_t overhead() const noexcept override { return toy_head + toy_length + 1; }
  chunk seal(const_bytes text, std::byte* to) override {
    const std::size_t n = std::min(text.size(), toy_most), front = begin(to);
    put_length(to + front, n);
    std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n), to + front + toy_length,
                   inverted);
    to[front + toy_length + n] = std::byte{'!'};
    return {n, front + toy_length + n + 1};
  }
  std::size_t end(std::byte* to) override {
    if (!has_end_) return 0;
    put_length(to, 0);
    return toy_length;
  }
  std::size_t begin(std::byte* to) override {
    if (std::exchange(begun_, true)) return 0;
    std::memcpy(to, "HI", toy_head);
    return toy_head;
  }

 private:
  static void put_length(std::byte* to, std::size_t n) {
    to[0] = static_cast<std::byte>(n >> 8);
    to[1] = static_cast<std::byte>(n);
  }

  const bool has_end_;
  bool begun_ = false;
};

inline chunk_codecs toy_codecs(bool has_end = true) {
  return {std::make_unique<toy_opener>(), std::make_unique<toy_sealer>(has_end)};
}

template <class Kind>
struct chunk_link {
  explicit chunk_link(std::size_t capacity = 65536, bool has_end = true) {
    auto [a, b] = Kind::make(io, capacity);
    below_client = make_connection(std::move(a));
    below_server = make_connection(std::move(b));
    client.emplace(below_client, toy_codecs(has_end), const_bytes());
    server.emplace(below_server, toy_codecs(has_end), const_bytes());
  }

  asio::io_context io;
  std::shared_ptr<connection> below_client, below_server;
  std::optional<chunk_stream> client, server;
};

}  // namespace chunk_test
