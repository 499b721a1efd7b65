#include "proxy/names/hosts_file.hpp"

#include "proxy/policy/dial_policy.hpp"

#include <algorithm>
#include <cstddef>
#include <system_error>

namespace muxpro::proxy {

namespace {

std::string_view take_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

hosts_file::hosts_file(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    read_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void hosts_file::read_line(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::error_code not_an_address;
  const auto address = asio::ip::make_address(std::string(take_word(line)), not_an_address);
  if (not_an_address) return;
  for (std::string_view name = take_word(line); !name.empty(); name = take_word(line)) {
    auto& known = by_name_[normalized(name)];
    if (std::find(known.begin(), known.end(), address) == known.end()) known.push_back(address);
  }
}

const std::vector<asio::ip::address>* hosts_file::find(std::string_view name) const {
  const auto found = by_name_.find(normalized(name));
  return found == by_name_.end() ? nullptr : &found->second;
}

}  // namespace muxpro::proxy
