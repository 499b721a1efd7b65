// Fields of a request of the API. Ring 4, a rule. All throw api_refusal if the message is invalid.
#pragma once

#include "proxy/api/refusal.hpp"
#include "proxy/base/proto_reader.hpp"

#include <muxpro/codec.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// Calls `take` with the reader for each field.
template <class Take>
void each_field(const_bytes message, Take take) {
  proto_reader in(message);
  while (in.next()) take(in);
  if (!in.good())
    throw api_refusal(api_code::invalid_argument, "the request is not a valid protobuf message");
}

/// Returns the last value of a field, as protobuf requires. Empty if the field is absent.
inline const_bytes bytes_in(const_bytes message, std::uint64_t field) {
  const_bytes out;
  each_field(message, [&](const proto_reader& in) {
    if (in.number() == field) out = in.bytes();
  });
  return out;
}
inline std::string text_in(const_bytes message, std::uint64_t field) {
  return std::string(as_text(bytes_in(message, field)));
}
inline std::uint64_t number_in(const_bytes message, std::uint64_t field) {
  std::uint64_t out = 0;
  each_field(message, [&](const proto_reader& in) {
    if (in.number() == field) out = in.value();
  });
  return out;
}
inline std::vector<std::string> texts_in(const_bytes message, std::uint64_t field) {
  std::vector<std::string> out;
  each_field(message, [&](const proto_reader& in) {
    if (in.number() == field) out.emplace_back(as_text(in.bytes()));
  });
  return out;
}

}  // namespace muxpro::proxy
