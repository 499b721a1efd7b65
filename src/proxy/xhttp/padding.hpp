// The padding of XHTTP's requests and answers, with its form and its place. Ring 4, a rule.
#pragma once

#include "proxy/base/number_range.hpp"
#include "proxy/http/head.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

struct http_request;

struct xhttp_padding_form {
  enum class place : std::uint8_t { query_in_header, query, header, cookie };

  /// If false, the fields below are ignored. The padding is then in the query of a request's Referer, or else
  /// in the request's own query, and in X-Padding of an answer.
  bool chosen = false;
  place where = place::query_in_header;
  std::string key = "x_padding", header = "X-Padding";
  /// Whether the padding is letters and digits, whose size is that in the Huffman code of HTTP/2. Otherwise
  /// it is the letter X.
  bool tokenish = false;
};

/// Padding of so many bytes, one at least.
std::string xhttp_padding(const xhttp_padding_form& form, std::size_t bytes);
/// `url` is that of the request, without a query.
void pad_request(http_request& r, const xhttp_padding_form& form, const std::string& url,
                 const std::string& padding);
/// An answer has no padding in a query.
void pad_answer(std::vector<http_field>& fields, const xhttp_padding_form& form, const std::string& padding);
/// Whether a request has padding of such a size.
bool has_xhttp_padding(const http_request& r, const xhttp_padding_form& form, const number_range& bytes);
/// `target` with a further item in its query.
std::string with_query(std::string target, std::string_view key, std::string_view value);

}  // namespace muxpro::proxy
