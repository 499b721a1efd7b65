#include "proxy/config/position.hpp"

#include "proxy/base/text.hpp"
#include "proxy/config/plain_json.hpp"

#include <muxpro/proxy/settings.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace muxpro::proxy {

namespace {

/// Walks a text that the parser has taken, so that it need not check anything but the end.
class json_walker {
 public:
  json_walker(std::string_view text, std::string_view path) : text_(text), path_(path) {}

  std::size_t find() {
    skip_blanks();
    best_ = at_;
    descend();
    return best_;
  }

 private:
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  char now() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  /// Skips a text. Returns it as it stands, without its quotes.
  std::string_view take_text() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    const std::string_view out = text_.substr(begin, at_ - begin);
    at_ = std::min(at_ + 1, text_.size());
    return out;
  }

  void skip_value() {
    std::size_t depth = 0;
    do {
      skip_blanks();
      const char c = now();
      if (c == '\0') return;
      if (c == '"')
        take_text();
      else
        ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && depth > 0) --depth;
    } while (depth > 0 || (now() != ',' && now() != '}' && now() != ']' && now() != '\0'));
  }

  /// Whether the path goes on with `key`, which is taken off it then.
  bool follows(std::string_view key) {
    const std::string name = sanitized(key);
    std::string_view rest = path_;
    if (rest.starts_with('.')) rest.remove_prefix(1);
    if (!rest.starts_with(name)) return false;
    rest.remove_prefix(name.size());
    if (!rest.empty() && rest.front() != '.' && rest.front() != '[') return false;
    path_ = rest;
    return true;
  }

  std::optional<std::size_t> take_index() {
    if (!path_.starts_with('[')) return std::nullopt;
    const auto end = path_.find(']');
    const auto n = number<std::size_t>(path_.substr(1, std::min(end, path_.size()) - 1));
    path_.remove_prefix(std::min(end, path_.size() - 1) + 1);
    return n;
  }

  void descend() {
    while (!path_.empty()) {
      skip_blanks();
      if (now() == '{' ? !enter_object() : now() == '[' ? !enter_list() : true) return;
    }
  }

  bool enter_object() {
    ++at_;
    for (skip_blanks(); now() == '"'; skip_blanks()) {
      const std::size_t place = at_;
      const std::string_view key = take_text();
      skip_blanks();
      ++at_;  // the colon
      if (follows(key)) return best_ = place, skip_blanks(), true;
      skip_value();
      if (now() == ',') ++at_;
    }
    return false;
  }

  bool enter_list() {
    const auto index = take_index();
    ++at_;
    if (!index) return false;
    for (std::size_t i = 0; i < *index && at_ < text_.size(); ++i) {
      skip_value();
      ++at_;  // the comma
    }
    skip_blanks();
    best_ = at_;
    return at_ < text_.size();
  }

  const std::string_view text_;
  std::string_view path_;
  std::size_t at_ = 0, best_ = 0;
};

const setting* value_below(const setting* s, std::string_view key) {
  const auto* o = s ? std::get_if<setting::object>(&s->is) : nullptr;
  const auto found = o ? o->find(key) : setting::object::const_iterator();
  return o && found != o->end() ? &found->second : nullptr;
}

/// "inbounds" and 16 of "inbounds[16].port".
std::string tag_of_part(const setting* list, std::string_view index) {
  const auto* all = list ? std::get_if<setting::list>(&list->is) : nullptr;
  const auto n = number<std::size_t>(index);
  if (!all || !n || *n >= all->size()) return {};
  const setting* const tag = value_below(&(*all)[*n], "tag");
  const auto* text = tag ? std::get_if<std::string>(&tag->is) : nullptr;
  return text ? sanitized(*text) : std::string();
}

}  // namespace

text_position position_of(std::string_view json, std::string_view path) {
  if (path.empty()) return {};
  const std::string plain = plain_json(json);
  const std::string_view before = std::string_view(plain).substr(0, json_walker(plain, path).find());
  const auto newline = before.rfind('\n');
  return {static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1};
}

std::string tag_at(const setting& root, std::string_view path) {
  const auto open = path.find('['), close = path.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos) return {};
  const setting* list = &root;
  for (std::string_view rest = path.substr(0, open); list && !rest.empty();) {
    const auto dot = std::min(rest.find('.'), rest.size());
    list = value_below(list, rest.substr(0, dot));
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  return tag_of_part(list, path.substr(open + 1, close - open - 1));
}

}  // namespace muxpro::proxy
