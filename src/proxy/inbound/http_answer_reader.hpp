// The answers of an origin, off a link.
#pragma once

#include "proxy/http/body.hpp"
#include "proxy/http/response.hpp"

#include <muxpro/pipe.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Of one request. Reads from `link`, which must outlive it.
class http_answer_reader {
 public:
  enum class head : std::uint8_t { complete, ended, refused };

  /// Adds what it reads to `count`.
  http_answer_reader(pipe_end& link, std::string method, const http_head_limits& limits,
                     std::shared_ptr<relay_bytes> count)
      : link_(link), method_(std::move(method)), limits_(limits), count_(std::move(count)) {}

  /// Reads the next head, interim or final, which take() returns. For `ended` see end(), for `refused` see
  /// reason(). All heads together are limited as one request's is.
  asio::awaitable<head> read_head();
  http_response take() noexcept { return std::move(response_); }
  const char* reason() const noexcept { return reason_; }
  const std::error_code& end() const noexcept { return end_; }

  /// Waits for more. Returns what the link reports.
  asio::awaitable<std::error_code> receive();
  /// What has come of the body, in the form for the client. Valid until the next call.
  const_bytes take_body(http_body& body, const http_client_form& form);
  /// Whether the body contradicts its framing.
  bool is_malformed() const noexcept { return malformed_; }
  /// The link has ended with `why`, and this is the end of the body.
  bool ends_with(const std::error_code& why) const noexcept;
  /// Returns the bytes of the link that do not belong to an answer.
  const_bytes unread() const noexcept { return const_bytes(room_).subspan(at_, size_ - at_); }
  /// Returns whether no byte has come.
  bool is_silent() const noexcept { return !received_; }

 private:
  const_bytes content_of_chunks(http_body& body);

  pipe_end& link_;
  const std::string method_;
  const http_head_limits limits_;
  const std::shared_ptr<relay_bytes> count_;
  http_response response_;
  const char* reason_ = "";
  std::error_code end_;
  std::vector<std::byte> room_;
  std::size_t at_ = 0, size_ = 0;  ///< of what has come and was not taken
  std::size_t heads_ = 0;          ///< bytes
  bool received_ = false, malformed_ = false, until_close_ = false;
};

}  // namespace muxpro::proxy
