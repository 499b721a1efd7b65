// JSON as V2Ray and Xray read it, made into JSON that a parser of the standard takes.
#pragma once

#include <string>
#include <string_view>

namespace muxpro::proxy {

/// Blanks take the place of comments (# and // to the end of the line, /* */) and of a comma before '}' or
/// ']'. Every other byte keeps its place, so that a parser's line and column are those of `text`. A comment
/// without an end is left to the parser.
std::string plain_json(std::string_view text);

}  // namespace muxpro::proxy
