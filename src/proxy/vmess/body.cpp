#include "proxy/vmess/body.hpp"

#include "proxy/base/aead.hpp"
#include "proxy/vless/packets.hpp"
#include "proxy/vmess/direction.hpp"
#include "proxy/vmess/kdf.hpp"

#include <openssl/rand.h>
#include <asio/error.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

/// What V2Ray and Xray write at once, length and padding included.
constexpr std::size_t most_sent = 8192;
constexpr std::size_t sealed_length = 2 + aead_tag, least_response = 4;

bool is_plain(const vmess_body& b) noexcept { return !b.encrypted() && !b.has(vmess_body::chunks); }

// --- the head of a response

vmess_block response_block(const vmess_block& of_response, std::string_view path) {
  vmess_block out{};
  const auto all = vmess_kdf(of_response, {bytes_of(path)});
  std::copy_n(all.begin(), out.size(), out.begin());
  return out;
}

/// One of the two parts of a response's head.
class response_part {
 public:
  response_part(const vmess_block& key, const vmess_block& iv, std::string_view key_path,
                std::string_view iv_path, aead_key::use how)
      : nonce_(response_block(iv, iv_path)),
        key_(aead_cipher::aes_128_gcm, response_block(key, key_path), how) {}
  void append_sealed(std::vector<std::byte>& out, const_bytes text) {
    const std::size_t had = out.size();
    out.resize(had + text.size() + aead_tag);
    key_.seal(nonce(), text, out.data() + had);
  }
  bool open(const_bytes sealed, std::byte* to) { return key_.open(nonce(), sealed, to); }

 private:
  const_bytes nonce() const noexcept { return const_bytes(nonce_).first(aead_nonce); }

  vmess_block nonce_;
  aead_key key_;
};

response_part length_of_response(const vmess_block& key, const vmess_block& iv, aead_key::use how) {
  return {key, iv, "AEAD Resp Header Len Key", "AEAD Resp Header Len IV", how};
}
response_part rest_of_response(const vmess_block& key, const vmess_block& iv, aead_key::use how) {
  return {key, iv, "AEAD Resp Header Key", "AEAD Resp Header IV", how};
}

std::vector<std::byte> response_head(const vmess_body& b, const vmess_block& key, const vmess_block& iv) {
  const std::array<std::byte, 2> length{std::byte{0}, std::byte{least_response}};
  const std::array<std::byte, least_response> content{std::byte{b.answer}};
  std::vector<std::byte> out;
  length_of_response(key, iv, aead_key::use::to_seal).append_sealed(out, length);
  rest_of_response(key, iv, aead_key::use::to_seal).append_sealed(out, content);
  return out;
}

// --- chunks that come

class vmess_opener final : public chunk_opener {
 public:
  vmess_opener(const vmess_body& b, const vmess_block& key, const vmess_block& iv, bool by_client)
      : key_(key),
        iv_(iv),
        lengths_(b, iv, aead_key::use::to_open),
        broken_(by_client ? make_error_code(errc::bad_answer) : make_error_code(end_code::protocol_error)),
        answer_(b.answer),
        plain_(is_plain(b)),
        datagrams_(b.datagrams) {
    if (b.encrypted()) cipher_.emplace(b.security, key, iv, aead_key::use::to_open);
    if (by_client)
      next_ = piece::response_length;
    else
      expect_chunk();
  }

  std::size_t size() const noexcept override {
    switch (next_) {
      case piece::response_length: return sealed_length;
      case piece::response: return size_ + aead_tag;
      case piece::length: return lengths_.size();
      case piece::chunk: return size_;
      case piece::plain: break;
    }
    return 0;
  }
  std::size_t text() const noexcept override {
    switch (next_) {
      case piece::response_length:
      case piece::response: return 0;
      case piece::length: return datagrams_ ? 2 : 0;
      case piece::chunk: return size_ - padding_ - lengths_.tag();
      case piece::plain: break;
    }
    return 1;
  }
  std::size_t open(const_bytes p, std::byte* to, std::error_code& ec) override {
    switch (next_) {
      case piece::response_length: return open_response_length(p, ec);
      case piece::response: return open_response(p, ec);
      case piece::length: return open_length(p, to, ec);
      case piece::chunk: return open_chunk(p, to, ec);
      case piece::plain: break;
    }
    std::memmove(to, p.data(), p.size());
    return p.size();
  }
  bool may_end() const noexcept override { return next_ != piece::response && next_ != piece::chunk; }

 private:
  enum class piece : std::uint8_t { response_length, response, length, chunk, plain };

  void expect_chunk() noexcept {
    next_ = plain_ ? piece::plain : piece::length;
    if (!plain_) padding_ = lengths_.draw();
  }
  std::size_t open_response_length(const_bytes p, std::error_code& ec) {
    std::array<std::byte, 2> length{};
    if (!length_of_response(key_, iv_, aead_key::use::to_open).open(p, length.data())) return fail(ec);
    size_ = std::to_integer<std::size_t>(length[0]) << 8U | std::to_integer<std::size_t>(length[1]);
    next_ = piece::response;
    return size_ < least_response ? fail(ec) : 0;
  }
  // Commands to the client are left out.
  std::size_t open_response(const_bytes p, std::error_code& ec) {
    std::vector<std::byte> content(size_);
    if (!rest_of_response(key_, iv_, aead_key::use::to_open).open(p, content.data())) return fail(ec);
    if (std::to_integer<std::uint8_t>(content[0]) != answer_) return fail(ec);
    expect_chunk();
    return 0;
  }
  // The end is not authenticated by peers, some of which send no tag behind its length.
  std::size_t open_length(const_bytes p, std::byte* to, std::error_code& ec) {
    const auto n = lengths_.open(p);
    const std::size_t least = lengths_.tag() + padding_;
    if (!n || *n < least) return fail(ec);
    if (*n == least) {
      ec = asio::error::eof;
      return 0;
    }
    size_ = *n;
    next_ = piece::chunk;
    if (!datagrams_) return 0;
    to[0] = static_cast<std::byte>((size_ - least) >> 8U);
    to[1] = static_cast<std::byte>(size_ - least);
    return 2;
  }
  std::size_t open_chunk(const_bytes p, std::byte* to, std::error_code& ec) {
    const std::size_t n = text();
    if (!cipher_)
      std::memmove(to, p.data(), n);
    else if (!cipher_->open(p.first(p.size() - padding_), to))
      return fail(ec);
    expect_chunk();
    return n;
  }
  std::size_t fail(std::error_code& ec) const noexcept {
    ec = broken_;
    return 0;
  }

  const vmess_block key_, iv_;
  vmess_lengths lengths_;
  std::optional<vmess_cipher> cipher_;
  const std::error_code broken_;
  const std::uint8_t answer_;
  const bool plain_, datagrams_;
  piece next_ = piece::length;
  std::size_t size_ = 0, padding_ = 0;
};

// --- chunks that go

/// Bytes for padding. Many are drawn at a time.
void fill_padding(std::byte* to, std::size_t n) {
  static thread_local std::array<unsigned char, 4096> pool;
  static thread_local std::size_t used = pool.size();
  if (n > pool.size() - used) {
    if (RAND_bytes(pool.data(), static_cast<int>(pool.size())) != 1)
      throw std::runtime_error("libcrypto has no random numbers");
    used = 0;
  }
  std::memcpy(to, pool.data() + used, n);
  used += n;
}

class vmess_sealer final : public chunk_sealer {
 public:
  vmess_sealer(const vmess_body& b, const vmess_block& key, const vmess_block& iv,
               std::vector<std::byte> head)
      : lengths_(b, iv, aead_key::use::to_seal),
        plain_(is_plain(b)),
        datagrams_(b.datagrams),
        has_end_(b.has(vmess_body::chunks) && b.sends_end),
        head_(std::move(head)) {
    if (b.encrypted()) cipher_.emplace(b.security, key, iv, aead_key::use::to_seal);
  }

  std::size_t most() const noexcept override {
    if (datagrams_) return 2 + max_vless_packet;
    return most_sent - beside_text();
  }
  std::size_t overhead() const noexcept override { return head_.size() + beside_text(); }
  std::size_t begin(std::byte* to) override {
    const std::vector<std::byte> head = std::exchange(head_, {});
    if (!head.empty()) std::memcpy(to, head.data(), head.size());
    return head.size();
  }
  chunk seal(const_bytes text, std::byte* to) override {
    if (datagrams_) return seal_datagram(text, to);
    const const_bytes next = text.first(std::min(text.size(), most()));
    const std::size_t front = begin(to);
    return {next.size(), front + seal_chunk(next, to + front)};
  }
  std::size_t end(std::byte* to) override { return has_end_ ? seal_chunk({}, to) : 0; }

 private:
  std::size_t beside_text() const noexcept {
    return plain_ ? 0 : lengths_.size() + lengths_.tag() + lengths_.most_padding();
  }
  chunk seal_datagram(const_bytes text, std::byte* to) {
    const framed_datagram d = read_vless_packet(text);
    if (d.what != framed_datagram::status::datagram || d.payload.empty()) return {d.consumed, 0};
    const std::size_t front = begin(to);
    return {d.consumed, front + seal_chunk(d.payload, to + front)};
  }
  std::size_t seal_chunk(const_bytes text, std::byte* to) {
    if (plain_) {
      std::memcpy(to, text.data(), text.size());
      return text.size();
    }
    const std::size_t padding = lengths_.draw(), sealed = text.size() + lengths_.tag();
    lengths_.seal(sealed + padding, to);
    to += lengths_.size();
    if (cipher_)
      cipher_->seal(text, to);
    else if (!text.empty())
      std::memcpy(to, text.data(), text.size());
    if (padding > 0) fill_padding(to + sealed, padding);
    return lengths_.size() + sealed + padding;
  }

  vmess_lengths lengths_;
  std::optional<vmess_cipher> cipher_;
  const bool plain_, datagrams_, has_end_;
  std::vector<std::byte> head_;
};

}  // namespace

chunk_codecs vmess_server_codecs(const vmess_body& b) {
  const vmess_block key = vmess_response_block(b.key), iv = vmess_response_block(b.iv);
  return {std::make_unique<vmess_opener>(b, b.key, b.iv, false),
          std::make_unique<vmess_sealer>(b, key, iv, response_head(b, key, iv))};
}

chunk_codecs vmess_client_codecs(const vmess_body& b, std::vector<std::byte> head) {
  const vmess_block key = vmess_response_block(b.key), iv = vmess_response_block(b.iv);
  return {std::make_unique<vmess_opener>(b, key, iv, true),
          std::make_unique<vmess_sealer>(b, b.key, b.iv, std::move(head))};
}

}  // namespace muxpro::proxy
