#include "proxy/base/pattern.hpp"

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>
#include <re2/stringpiece.h>

namespace muxpro::proxy {

namespace {

// The memory that the automata of one expression, and of all of a set, may take.
constexpr std::int64_t memory_of_one = 1 << 20, memory_of_set = 64 << 20;

// RE2 from 2023 on takes Abseil's string_view, which need not be that of the standard library.
re2::StringPiece as_piece(std::string_view text) { return {text.data(), text.size()}; }

re2::RE2::Options options(std::int64_t memory) {
  re2::RE2::Options o;
  o.set_log_errors(false);
  o.set_max_mem(memory);
  return o;
}

std::string too_long(std::string_view text) {
  if (text.size() <= max_pattern) return {};
  return fmt::format("it has {} bytes, at most {} are allowed", text.size(), max_pattern);
}

}  // namespace

pattern::pattern(std::string_view text) : mistake_(too_long(text)) {
  if (!mistake_.empty()) return;
  compiled_ = std::make_unique<re2::RE2>(as_piece(text), options(memory_of_one));
  mistake_ = compiled_->ok() ? "" : compiled_->error();
}
pattern::pattern(pattern&&) noexcept = default;
pattern::~pattern() = default;

bool pattern::found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(as_piece(text), *compiled_);
}

std::string pattern_of(std::string_view text) { return re2::RE2::QuoteMeta(as_piece(text)); }

struct pattern_set::compiled {
  re2::RE2::Set set{options(memory_of_set), re2::RE2::UNANCHORED};
};

pattern_set::pattern_set() : compiled_(std::make_unique<compiled>()) {}
pattern_set::pattern_set(pattern_set&&) noexcept = default;
pattern_set::~pattern_set() = default;

std::string pattern_set::add(std::string_view text) {
  // A set does not bound its members.
  if (pattern alone(text); !alone.mistake().empty()) return alone.mistake();
  std::string mistake;
  if (compiled_->set.Add(as_piece(text), &mistake) < 0) return mistake;
  empty_ = false;
  return {};
}

std::string pattern_set::finish() {
  if (empty_) return {};
  // The first match builds the automaton. An automaton that has room for its first states starts anew when it
  // is full, and does not fail later.
  re2::RE2::Set::ErrorInfo info{re2::RE2::Set::kNoError};
  std::vector<int> found;
  if (compiled_->set.Compile())
    compiled_->set.Match("", &found, &info);
  else
    info.kind = re2::RE2::Set::kOutOfMemory;
  if (info.kind == re2::RE2::Set::kNoError) return {};
  return fmt::format("the regular expressions need more than {} MiB", memory_of_set >> 20);
}

void pattern_set::find(std::string_view text, std::vector<int>& found) const {
  std::vector<int> all;
  if (empty_ || !compiled_->set.Match(as_piece(text), &all)) return;
  found.insert(found.end(), all.begin(), all.end());
}

}  // namespace muxpro::proxy
