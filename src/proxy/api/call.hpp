// A call of gRPC with one message each way, as bytes of an HTTP/2 stream. Ring 4, a rule.
//   u8 compressed = 0 | u32 size | message
#pragma once

#include "proxy/api/refusal.hpp"

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// As gRPC's servers have it by default.
inline constexpr std::size_t most_api_message = 4 << 20;

/// Collects the request. Memory grows with what comes, not with the size that the head names.
class call_reader {
 public:
  /// Throws api_refusal.
  void take(const_bytes more);
  /// Returns the message once the peer has ended its side. Throws api_refusal if it is not whole.
  const_bytes message() const;

 private:
  static constexpr std::size_t head = 5;
  std::vector<std::byte> all_;
};

std::string framed_message(std::string_view message);

/// "/xray.app.stats.command.StatsService/QueryStats". V2Ray's names of a service stand for Xray's.
struct call_path {
  std::string_view service;  ///< "StatsService"
  std::string_view method;   ///< "QueryStats"
};
/// Returns nothing if the path has another form.
std::optional<call_path> call_path_of(std::string_view path);

/// Returns the percent-encoded value of grpc-message.
std::string grpc_message_of(std::string_view sentence);

}  // namespace muxpro::proxy
