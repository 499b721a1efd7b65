#include "proxy/net/program_of.hpp"

#include "proxy/base/text.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

namespace muxpro::proxy {

namespace {

namespace files = std::filesystem;

/// As in /proc/net/tcp, 32-bit words in the order of this machine, in hexadecimal digits.
template <std::size_t N>
std::string in_words(const std::array<unsigned char, N>& octets) {
  std::string out;
  for (std::size_t i = 0; i < N; i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, octets.data() + i, sizeof word);
    out += fmt::format("{:08X}", word);
  }
  return out;
}

/// The socket's inode in a table of /proc/net, by its own address.
std::optional<std::string> inode_in(const std::string& table, const std::string& local) {
  std::ifstream in(table);
  std::string line;
  for (std::getline(in, line); std::getline(in, line);) {
    std::istringstream words(line);
    std::string word, inode;
    if (!(words >> word >> word) || word != local) continue;
    for (int i = 0; i < 8; ++i) words >> inode;  // rem_address st queues tr retrnsmt uid timeout inode
    return inode;
  }
  return std::nullopt;
}

std::optional<std::string> inode_of(std::string_view kind, const asio::ip::address& a, std::uint16_t port) {
  const std::string table = fmt::format("/proc/net/{}", kind), at = fmt::format(":{:04X}", port);
  std::optional<std::string> found;
  const asio::ip::address plain = unmapped(a);
  if (plain.is_v4()) found = inode_in(table, in_words(plain.to_v4().to_bytes()) + at);
  if (found) return found;
  const auto v6 =
      plain.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, plain.to_v4()) : plain.to_v6();
  return inode_in(table + "6", in_words(v6.to_bytes()) + at);
}

/// Whether one of a process' descriptors is the socket.
bool holds(const files::path& process, const std::string& socket) {
  std::error_code ec;
  for (files::directory_iterator at(process / "fd", ec), end; !ec && at != end; at.increment(ec)) {
    std::error_code gone;
    if (files::read_symlink(at->path(), gone) == socket) return true;
  }
  return false;
}

}  // namespace

std::string program_of(network net, const context::inbound_part& client) {
  const auto inode = inode_of(net == network::udp ? "udp" : "tcp", client.source, client.source_port);
  if (!inode) return {};
  const std::string socket = fmt::format("socket:[{}]", *inode);
  std::error_code ec;
  for (files::directory_iterator at("/proc", ec), end; !ec && at != end; at.increment(ec)) {
    if (!number<std::uint32_t>(at->path().filename().string()) || !holds(at->path(), socket)) continue;
    std::error_code gone;
    return files::read_symlink(at->path() / "exe", gone).string();
  }
  return {};
}

}  // namespace muxpro::proxy
