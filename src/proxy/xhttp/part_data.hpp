// The bytes of a part of an upload that stand in the head of its request, as base64 for URLs in fields KEY-0,
// KEY-1 and so on, or in cookies KEY_0, KEY_1 and so on. Ring 4, a rule.
#pragma once

#include "proxy/xhttp/options.hpp"

#include <muxpro/codec.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace muxpro::proxy {

struct http_request;

/// Whether a client has them there, and not in the body.
bool puts_data_in_head(const xhttp_options& o) noexcept;
/// Whether a server takes a body.
bool takes_data_in_body(const xhttp_options& o) noexcept;
/// So many bytes, at most, leave a head as short as the server that has these options wants it.
std::size_t most_data_in_head(const xhttp_options& o) noexcept;

/// `chunk` is the number of characters of a field or a cookie.
void put_data_in_head(http_request& r, const xhttp_options& o, const_bytes data, std::size_t chunk);
/// Returns the bytes of fields before those of cookies. Empty without such bytes. Returns nothing if they are
/// no base64.
std::optional<std::vector<std::byte>> data_in_head(const http_request& r, const xhttp_options& o);

}  // namespace muxpro::proxy
