// The methods of Shadowsocks by their names. Ring 4, a rule.
#pragma once

#include "proxy/shadowsocks/cipher.hpp"

#include <cstddef>
#include <string_view>

namespace muxpro::proxy {

struct shadowsocks_method {
  std::string_view name;
  shadowsocks_cipher cipher;
  /// Of a master key and a salt, in bytes.
  std::size_t key_size;
  /// A method of SIP022, "Shadowsocks 2022". Otherwise one of SIP004.
  bool of_2022 = false;
  /// The cipher of datagrams. It differs in one method of 2022.
  shadowsocks_cipher datagram_cipher = cipher;

  /// Returns whether datagrams have a separate header and identity headers, which are blocks of AES (SIP023).
  /// Only methods of 2022 have them.
  bool has_blocks() const noexcept {
    return of_2022 && datagram_cipher != shadowsocks_cipher::xchacha20_poly1305;
  }
};

/// Names are those of Xray, in any case. Returns null if there is no such method.
const shadowsocks_method* find_shadowsocks_method(std::string_view name) noexcept;

}  // namespace muxpro::proxy
