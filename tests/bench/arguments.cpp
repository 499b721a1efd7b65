#include "arguments.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace bench {

namespace {

std::uint64_t parse(std::string_view name, std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t n = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, n);
  if (error != std::errc() || rest != end || n < least || n > most)
    throw failure(fmt::format("{} is '{}', it must be a number from {} to {}", name, text, least, most));
  return n;
}

}  // namespace

std::string_view arguments::word(std::string_view what) {
  if (words_.empty()) throw failure(fmt::format("{} is missing", what));
  const std::string_view next = words_.front();
  words_ = words_.subspan(1);
  return next;
}

std::uint16_t arguments::port() { return static_cast<std::uint16_t>(parse("PORT", word("PORT"), 1, 65535)); }

void arguments::read_values() {
  while (!words_.empty()) {
    const std::string_view pair = word("a value");
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos)
      throw failure(fmt::format("'{}' is not of the form key=value", pair));
    values_.insert_or_assign(std::string(pair.substr(0, equals)), std::string(pair.substr(equals + 1)));
  }
}

std::uint64_t arguments::number(std::string_view key, std::uint64_t otherwise, std::uint64_t least,
                                std::uint64_t most) {
  known_.emplace(key);
  const auto found = values_.find(key);
  return found == values_.end() ? otherwise : parse(key, found->second, least, most);
}

double arguments::real(std::string_view key, double otherwise) {
  known_.emplace(key);
  const auto found = values_.find(key);
  if (found == values_.end()) return otherwise;
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  if (found->second.empty() || *end != '\0' || !(value > 0 && value < 1e6))
    throw failure(
        fmt::format("{} is '{}', it must be a number above 0 and below a million", key, found->second));
  return value;
}

void arguments::check_all_used() const {
  for (const auto& [key, value] : values_) {
    if (known_.contains(key)) continue;
    throw failure(fmt::format("'{}' is not known here, only {}", key, fmt::join(known_, ", ")));
  }
}

void complain(std::string_view program, std::string_view sentence) {
  fmt::print(stderr, "{}: {}\n", program, sentence);
}

}  // namespace bench
