// The server's side of a connection, which finds the user and the target of the client. Ring 4, a rule
// without clock.
#pragma once

#include "proxy/policy/accounts.hpp"
#include "proxy/policy/request_head.hpp"
#include "proxy/policy/tried_users.hpp"
#include "proxy/shadowsocks/cipher.hpp"
#include "proxy/shadowsocks/clock.hpp"
#include "proxy/shadowsocks/keys.hpp"
#include "proxy/shadowsocks/method.hpp"
#include "proxy/shadowsocks/salt_memory.hpp"

#include <muxpro/codec.hpp>

#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// The keys and salts of a server. Shared by the threads of an inbound.
struct shadowsocks_server {
  /// With a `server_key`, clients send identity headers, which it encrypts. If it is empty, they do not.
  shadowsocks_server(const shadowsocks_method& m, const accounts& who, shadowsocks_key server_key = {})
      : method(m),
        users(who),
        identities(std::move(server_key)),
        by_source(who),
        salts(m.of_2022 ? salt_memory::of_2022() : salt_memory::of_2017()) {}

  /// The user whom an identity header names, or the only one, if there are no identity headers.
  std::optional<accounts::tried_user> named(const std::optional<key_identity>& identity) const;

  const shadowsocks_method& method;
  const accounts users;
  const shadowsocks_key identities;
  mutable tried_users by_source;
  mutable salt_memory salts;
};

/// From the first byte of a connection to its request. Any cut of the input gives the same result.
class shadowsocks_handshake {
 public:
  /// `at` must outlive it. `source` is the client's address.
  shadowsocks_handshake(const shadowsocks_server& at, asio::ip::address source);

  /// Call it with all bytes that came and were not consumed. They are consumed with need_more, too. A client
  /// gets no answer to a mistake, whatever it is. Reasons live as long as this.
  request_head next(const_bytes received, unix_time now);

  // --- of a request

  /// What came behind the target and was opened.
  std::vector<std::byte> take_early() { return std::move(text_); }
  /// Opens what follows, a length first.
  sealing_sequence take_opener() { return *std::move(opener_); }
  const shadowsocks_key& key() const noexcept { return key_; }
  const std::vector<std::byte>& salt() const noexcept { return salt_; }

 private:
  enum class piece : std::uint8_t { beginning, size, text, head };
  /// Without a value the next piece is needed.
  using result = std::optional<request_head>;

  std::size_t size_of_next() const noexcept;
  result take(const_bytes in, unix_time now);
  result begin(const_bytes in, unix_time now);
  result begin_of_2022(const_bytes in, unix_time now);
  result add_text(const_bytes sealed);
  result read_head(const_bytes sealed);
  bool find_user(const_bytes sealed, std::byte* text);
  bool find_user_of_2022(const_bytes header, const_bytes sealed, std::byte* text);
  bool opens(const_bytes key, const_bytes sealed, std::byte* text);
  request_head request(const std::optional<host_port>& where) const;
  request_head refuse(const char* reason) const { return request_head::refusal(account_, reason); }

  const shadowsocks_server& at_;
  const asio::ip::address source_;
  piece next_ = piece::beginning;
  std::size_t size_ = 0;  ///< of the text of the next piece
  user_account account_;
  shadowsocks_key key_;
  std::string late_;  ///< clock_mistake()
  std::vector<std::byte> salt_, text_;
  std::optional<sealing_sequence> opener_;
};

}  // namespace muxpro::proxy
