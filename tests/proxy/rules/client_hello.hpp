// ClientHellos of any size, and the records that carry them.
#pragma once

#include "message.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace rules_test {

struct hello {
  std::optional<std::string> name = "www.example.com";
  /// Sizes of extensions in front of the name and behind it: a key share of X25519MLKEM768 has 1216 bytes and
  /// more.
  std::vector<std::size_t> before, after;

  message extensions() const {
    message all;
    for (const std::size_t n : before) all.number(0x33, 2).counted(2, message().fill(n, 0x5a));
    if (name) {
      const message entry = message().number(0, 1).counted(2, message().text(*name));
      all.number(0, 2).counted(2, message().counted(2, entry));
    }
    for (const std::size_t n : after) all.number(0x15, 2).counted(2, message().fill(n));
    return all;
  }

  /// The handshake message.
  byte_string bytes() const { return around(message().counted(2, extensions())); }

  static byte_string around(const message& extensions) {
    message body;
    body.number(0x0303, 2).fill(32, 0xa5).counted(1, message().fill(32, 0x11));
    body.counted(2, message().number(0x130113021303, 6))
        .counted(1, message().fill(1))
        .raw(extensions.bytes());
    return message().number(1, 1).counted(3, body);
  }

  /// One of about that many bytes.
  static hello sized(std::size_t n, bool name_last) {
    hello h;
    const std::size_t least = h.bytes().size() + 4;
    (name_last ? h.before : h.after).push_back(n > least ? n - least : 0);
    return h;
  }
};

inline byte_string record(const_bytes content, std::uint8_t type = 22) {
  return message().number(type, 1).number(0x0301, 2).number(content.size(), 2).raw(content);
}

/// Records that end at those of these places that lie inside `content`, and at its end.
inline byte_string records(const_bytes content, std::vector<std::size_t> cuts = {}) {
  byte_string all;
  cuts.push_back(content.size());
  std::sort(cuts.begin(), cuts.end());
  std::size_t from = 0;
  for (const std::size_t to : cuts) {
    if (to == from || to > content.size()) continue;
    const byte_string r = record(content.subspan(from, to - from));
    all.insert(all.end(), r.begin(), r.end());
    from = to;
  }
  return all;
}

/// As many records of equal size.
inline byte_string in_records(const_bytes content, std::size_t n) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < n; ++i) cuts.push_back(content.size() * i / n);
  return records(content, cuts);
}

}  // namespace rules_test
