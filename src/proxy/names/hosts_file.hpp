// The names of /etc/hosts (hosts(5)). Ring 4, a rule without I/O.
#pragma once

#include <asio/ip/address.hpp>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muxpro::proxy {

class hosts_file {
 public:
  hosts_file() = default;
  /// Lines without an address are skipped, as glibc does it.
  explicit hosts_file(std::string_view text);

  /// Returns addresses in the file's order, or null if it has no such name. Names compare as normalized()
  /// makes them.
  const std::vector<asio::ip::address>* find(std::string_view name) const;

 private:
  void read_line(std::string_view line);

  std::unordered_map<std::string, std::vector<asio::ip::address>> by_name_;
};

}  // namespace muxpro::proxy
