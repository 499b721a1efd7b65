#include "proxy/config/plain_json.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

class comment_remover {
 public:
  explicit comment_remover(std::string_view text) : out_(text) {}
  std::string result() {
    while (at_ < out_.size()) step();
    return std::move(out_);
  }

 private:
  static constexpr auto none = std::string::npos;

  void step() {
    const char c = out_[at_];
    const auto comment = comment_end();
    if (comment != none)
      blank(comment);
    else if (is_space(c))
      ++at_;
    else if (c == '"')
      skip_text();
    else
      take(c);
  }
  // The comma of `[,]` and the second one of `[1,,]` follow no value. They remain, and the parser refuses
  // them.
  void take(char c) {
    if ((c == '}' || c == ']') && comma_ != none) out_[comma_] = ' ';
    comma_ = c == ',' && after_value_ ? at_ : none;
    after_value_ = std::string_view("{[,:").find(c) == none;
    ++at_;
  }
  void skip_text() {
    for (++at_; at_ < out_.size() && out_[at_] != '"'; ++at_)
      if (out_[at_] == '\\') ++at_;
    at_ = std::min(at_ + 1, out_.size());
    comma_ = none;
    after_value_ = true;
  }
  /// The end of the comment that begins here, or `none` if no comment begins here.
  std::size_t comment_end() {
    const std::string_view rest = std::string_view(out_).substr(at_);
    if (rest.starts_with('#') || rest.starts_with("//"))
      return std::min(out_.find_first_of("\r\n", at_), out_.size());
    if (!rest.starts_with("/*") || endless_) return none;
    const auto end = out_.find("*/", at_ + 2);
    endless_ = end == none;
    return endless_ ? none : end + 2;
  }
  void blank(std::size_t end) {
    for (; at_ < end; ++at_)
      if (out_[at_] != '\n' && out_[at_] != '\r') out_[at_] = ' ';
  }
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  std::string out_;
  std::size_t at_ = 0;
  std::size_t comma_ = none;  ///< the last token, if it was a comma behind a value
  bool after_value_ = false;
  bool endless_ = false;  ///< no "*/" follows, another search would take quadratic time
};

}  // namespace

std::string plain_json(std::string_view text) { return comment_remover(text).result(); }

}  // namespace muxpro::proxy
