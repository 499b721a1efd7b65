#include "proxy/config/plain_json.hpp"

#include "proxy/config/config.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

using nlohmann::json;

/// The parser quotes what it read last, which may be a password.
std::string without_quotation(std::string_view why) {
  const auto begin = why.find("; last read: '");
  if (begin == std::string_view::npos) return std::string(why);
  const auto end = why.rfind("'; expected");
  const bool goes_on = end != std::string_view::npos && end > begin;
  return std::string(why.substr(0, begin)) + std::string(goes_on ? why.substr(end + 1) : "");
}

/// Builds the tree from the parser's events, within limits. It refuses an object with the same key twice,
/// because a parser that keeps the last one hides the first.
class tree_builder : public nlohmann::json_sax<json> {
 public:
  explicit tree_builder(config_mistakes& mistakes) : mistakes_(mistakes) {}
  std::optional<setting> take() { return std::move(root_); }

  bool null() override { return add(setting()); }
  bool boolean(bool b) override { return add(setting(b)); }
  bool number_integer(number_integer_t n) override { return add(setting(static_cast<double>(n))); }
  bool number_unsigned(number_unsigned_t n) override { return add(setting(static_cast<double>(n))); }
  bool number_float(number_float_t n, const string_t&) override { return add(setting(n)); }
  bool string(string_t& text) override { return add(setting(std::move(text))); }
  bool binary(binary_t&) override { return refuse("holds binary data"); }
  bool start_object(std::size_t) override { return open(setting(setting::object())); }
  bool start_array(std::size_t) override { return open(setting(setting::list())); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    auto& o = std::get<setting::object>(open_.back()->is);
    if (o.contains(name))
      return refuse(fmt::format("the key '{}' occurs twice in one object", sanitized(name)));
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..."
    std::string_view why = e.what();
    why.remove_prefix(std::min(why.find(']') + 1, why.size()));
    why.remove_prefix(std::min(why.find_first_not_of(' '), why.size()));
    return refuse(fmt::format("is not JSON: {}", sanitized(without_quotation(why), 300)));
  }

 private:
  bool refuse(std::string sentence) {
    mistakes_.add({}, std::move(sentence));
    return false;
  }
  bool add(setting value) { return place(std::move(value)) != nullptr; }
  bool open(setting value) {
    if (open_.size() >= max_config_depth)
      return refuse(fmt::format("is nested deeper than {} levels", max_config_depth));
    setting* const there = place(std::move(value));
    if (there) open_.push_back(there);
    return there != nullptr;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  // A container does not grow while one of its values is open, so pointers to it remain valid.
  setting* place(setting value) {
    if (++count_ > max_config_values) {
      refuse(fmt::format("holds more than {} values", max_config_values));
      return nullptr;
    }
    if (open_.empty()) return &root_.emplace(std::move(value));
    if (auto* list = std::get_if<setting::list>(&open_.back()->is))
      return &list->emplace_back(std::move(value));
    return &(std::get<setting::object>(open_.back()->is)[std::exchange(key_, {})] = std::move(value));
  }

  config_mistakes& mistakes_;
  std::optional<setting> root_;
  std::vector<setting*> open_;
  std::string key_;
  std::size_t count_ = 0;
};

/// The parser takes a zero byte for the end of the text.
std::string place_of_zero(std::string_view text) {
  const std::string_view before = text.substr(0, text.find('\0'));
  if (before.size() == text.size()) return {};
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto begin = before.rfind('\n');
  const auto column = before.size() - (begin == std::string_view::npos ? 0 : begin + 1) + 1;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

std::optional<setting> parse_json(std::string_view text, config_mistakes& mistakes) {
  if (text.size() > max_config_size) {
    mistakes.add({}, fmt::format("is longer than {} MiB", max_config_size >> 20));
    return std::nullopt;
  }
  if (const std::string place = place_of_zero(text); !place.empty()) {
    mistakes.add({}, fmt::format("has a zero byte at {}; it must be text in UTF-8", place));
    return std::nullopt;
  }
  tree_builder builder(mistakes);
  const std::string plain = plain_json(text);
  constexpr bool strict = true, comments = true;  // only for the sentence about a comment without an end
  if (!json::sax_parse(plain.begin(), plain.end(), &builder, json::input_format_t::json, strict, comments))
    return std::nullopt;
  return builder.take();
}

}  // namespace muxpro::proxy
