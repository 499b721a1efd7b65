#include "proxy/transport/xhttp_forms.hpp"

#include "proxy/base/text.hpp"
#include "proxy/config/range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::string_view decimal_digits = "0123456789", small_letters = "abcdefghijklmnopqrstuvwxyz",
                           capital_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// What needs no encoding in a path, a query, a field or a cookie (RFC 3986 section 2.3).
bool is_plain_char(char c) noexcept {
  return is_digit(c) || is_letter(c) || std::string_view("-_.~").find(c) != std::string_view::npos;
}
bool is_plain(std::string_view text) noexcept { return std::all_of(text.begin(), text.end(), is_plain_char); }

void read_word(settings& s, const setting_key& key, std::string& word) {
  std::string chosen;
  if (s.describing()) chosen = word;
  s.text(key, chosen);
  if (!is_plain(chosen)) s.wrong(key.name, "must be a word of letters, digits and '-', '_', '.' or '~'");
  if (!chosen.empty()) word = chosen;
}

// --- where the session and numbers stand

void read_label(settings& s, const setting_key& where, const setting_key& key, const char* usual,
                xhttp_label& l) {
  using place = xhttp_label::place;
  s.one_of<place>(
      where, l.where,
      {{"path", place::path}, {"query", place::query}, {"header", place::header}, {"cookie", place::cookie}});
  l.key = s.describing()             ? ""
          : l.where == place::header ? fmt::format("X-{}", usual)
                                     : "x_" + lower_case(usual);
  read_word(s, key, l.key);
}

/// An alphabet that has a name in Xray, or the text itself.
std::string letters_of(const std::string& table) {
  const std::string small(small_letters), capital(capital_letters), digits(decimal_digits);
  const std::array<std::pair<std::string_view, std::string>, 9> known{{{"ALPHABET", capital},
                                                                       {"Alphabet", capital + small},
                                                                       {"alphabet", small},
                                                                       {"BASE36", digits + capital},
                                                                       {"base36", digits + small},
                                                                       {"Base62", digits + capital + small},
                                                                       {"HEX", "0123456789ABCDEF"},
                                                                       {"hex", "0123456789abcdef"},
                                                                       {"number", digits}}};
  const auto found =
      std::find_if(known.begin(), known.end(), [&table](const auto& k) { return k.first == table; });
  return found == known.end() ? table : found->second;
}

/// As Xray asks for it, so that names cannot be guessed.
bool are_many(std::size_t letters, const number_range& length) noexcept {
  double all = 0;
  for (std::uint32_t n = length.least; n <= length.most; ++n) all += std::pow(letters, n);
  return all >= 0x1p31;
}

void read_session_name(settings& s, xhttp_options& o) {
  std::string table;
  number_range length;
  s.text({"sessionIDTable",
          "Of a client: the characters of a session's name, or ALPHABET, Alphabet, alphabet, BASE36, base36, "
          "Base62, HEX, hex or number; default: the name is a UUID."},
         table);
  read_range(s, {"sessionIDLength", "Of a client: how many of them it has."}, length, 128, 0);
  if (table.empty()) return;
  table = letters_of(table);
  if (!is_plain(table))
    return s.wrong("sessionIDTable", "must have letters, digits, '-', '_', '.' and '~' alone");
  if (length.least == 0 || !are_many(table.size(), length))
    return s.wrong("sessionIDLength", "makes fewer than 2^31 names of sessions");
  o.session_letters = table;
  o.session_length = length;
}

// --- padding

void read_padding_form(settings& s, xhttp_padding_form& f) {
  using place = xhttp_padding_form::place;
  s.flag(
      {"xPaddingObfsMode",
       "Whether padding has the form of the keys below; else requests have it in their Referer, answers in "
       "X-Padding. Both ends need the same."},
      f.chosen);
  s.one_of<place>({"xPaddingPlacement",
                   "Where padding stands: in the query of a URL in a field, in that of the request, in a "
                   "field, or in a cookie."},
                  f.where,
                  {{"queryInHeader", place::query_in_header},
                   {"query", place::query},
                   {"header", place::header},
                   {"cookie", place::cookie}});
  read_word(s, {"xPaddingKey", "The name of padding in a query or a cookie."}, f.key);
  read_word(s, {"xPaddingHeader", "The field with padding."}, f.header);
  s.one_of<bool>(
      {"xPaddingMethod",
       "What padding is: the letter X, or random letters and digits whose size is that in the code "
       "of HTTP/2."},
      f.tokenish, {{"repeat-x", false}, {"tokenish", true}});
}

// --- uploads

void read_method(settings& s, xhttp_options& o) {
  s.text({"uplinkHTTPMethod", "Of a client: the method of uploads."}, o.method);
  if (o.method.empty()) o.method = "POST";
  o.method = changed(o.method, upper);
  constexpr std::array<std::string_view, 4> others{"CONNECT", "HEAD", "OPTIONS", "TRACE"};
  if (!is_token(o.method) || std::find(others.begin(), others.end(), o.method) != others.end())
    s.wrong("uplinkHTTPMethod", fmt::format("is '{}', which is not an upload method", sanitized(o.method)));
  if (o.method == "GET" && o.mode != xhttp_mode::packet_up)
    s.wrong("uplinkHTTPMethod", "is GET, which needs mode packet-up");
}

void read_data_place(settings& s, xhttp_options& o) {
  using place = xhttp_data_place;
  s.one_of<place>(
      {"uplinkDataPlacement",
       "Where the parts of an upload stand in mode packet-up. auto: a client has them in the body, a "
       "server takes all."},
      o.data_place,
      {{"auto", place::automatic},
       {"body", place::body},
       {"header", place::header},
       {"cookie", place::cookie}});
  const bool in_cookie = o.data_place == place::cookie;
  if ((in_cookie || o.data_place == place::header) && o.mode != xhttp_mode::packet_up)
    s.wrong("uplinkDataPlacement", "needs mode packet-up");
  o.data_key = s.describing() ? "" : in_cookie ? "x_data" : "X-Data";
  read_word(s,
            {"uplinkDataKey",
             "What the names of such fields or cookies begin with; default: x_data of cookies, else X-Data."},
            o.data_key);
  number_range chunk;
  read_range(
      s,
      {"uplinkChunkSize",
       "Of a client: characters of such a field or cookie, 64 at least; default: 2048-3072 of cookies, else "
       "3000-4000."},
      chunk, 65'536);
  if (in_cookie) o.data_chunk = {2048, 3072};
  if (chunk.most > 0) o.data_chunk = {std::max(chunk.least, 64U), std::max(chunk.most, 64U)};
}

}  // namespace

void read_xhttp_forms(settings& s, xhttp_options& o) {
  read_method(s, o);
  read_data_place(s, o);
  read_label(s, {"sessionIDPlacement", "Where the session stands in a request. Both ends need the same."},
             {"sessionIDKey",
              "The name of the session in a query, a field or a cookie; default: x_session or "
              "X-Session."},
             "Session", o.session);
  read_session_name(s, o);
  read_label(s,
             {"seqPlacement",
              "Where the number of a part of an upload stands in a request. Both ends need the "
              "same."},
             {"seqKey", "The name of that number in a query, a field or a cookie; default: x_seq or X-Seq."},
             "Seq", o.number);
  read_padding_form(s, o.padding_form);
}

}  // namespace muxpro::proxy
