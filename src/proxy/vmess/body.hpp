// vmess_server_codecs(), vmess_client_codecs(): encode and decode what follows the head of a VMess request,
// in both directions, with the head of the response in front of the second one. Ring 4, a rule.
#pragma once

#include "proxy/base/chunk_codec.hpp"
#include "proxy/vmess/request.hpp"

#include <cstddef>
#include <vector>

namespace muxpro::proxy {

/// The text of datagrams is a sequence of u16 length, data.
chunk_codecs vmess_server_codecs(const vmess_body& b);
/// `head` is the sealed request, which goes in front of the first chunk.
chunk_codecs vmess_client_codecs(const vmess_body& b, std::vector<std::byte> head);

}  // namespace muxpro::proxy
