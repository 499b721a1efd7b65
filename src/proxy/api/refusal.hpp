// api_refusal: the failure of an API call, with a code of gRPC. Ring 4, a rule.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace muxpro::proxy {

/// Those of gRPC (google.rpc.Code) that the API answers with.
enum class api_code : std::uint8_t {
  ok = 0,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  resource_exhausted = 8,
  failed_precondition = 9,
  unimplemented = 12,
  unavailable = 14
};

/// Its text is for the caller.
class api_refusal : public std::runtime_error {
 public:
  api_refusal(api_code c, const std::string& sentence) : std::runtime_error(sentence), code(c) {}
  const api_code code;
};

}  // namespace muxpro::proxy
