// websocket_opening, a client's handshake that waits for the first data, which go with its request. Ring 4.
#pragma once

#include "proxy/websocket/upgrade.hpp"

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class websocket_opening {
 public:
  explicit websocket_opening(upgrade_options o)
      : options_(std::move(o)), key_(new_websocket_key()), parser_("GET", upgrade_limits) {}

  duration limit() const noexcept { return options_.handshake; }
  std::size_t most() const noexcept { return options_.early_data; }
  bool asked() const noexcept { return asked_; }
  std::string request(const_bytes early) {
    asked_ = true;
    return upgrade_request(options_, key_, early);
  }
  /// Takes the server's answer. Takes all of `in` until the answer is complete. Then the bytes behind it are
  /// moved to the front, and their number is `behind`. Returns whether it is complete.
  bool take(bytes in, std::size_t& behind, std::error_code& ec) {
    received_.insert(received_.end(), in.begin(), in.end());
    const auto step = parser_.next(received_);
    if (step.what == http_response_parser::status::need_more) return false;
    const bool complete = step.what == http_response_parser::status::complete;
    ec = upgrade_errc::no_http;
    if (complete) ec = mistake_in_upgrade(step.response, options_.protocol, key_);
    behind = ec ? 0 : received_.size() - step.consumed;
    if (behind > 0) std::memmove(in.data(), received_.data() + step.consumed, behind);
    return true;
  }

 private:
  const upgrade_options options_;
  const std::string key_;
  http_response_parser parser_;
  std::vector<std::byte> received_;
  bool asked_ = false;
};

}  // namespace muxpro::proxy
