// A DNS server of a test's own, by UDP and TCP on one port, and the files that lead a resolver to it.
#pragma once

#include "proxy/dial/system_names.hpp"

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace test {

/// On a thread of its own. Names without an entry do not exist; none in "dead." gets an answer.
class dns_server {
 public:
  struct entry {
    std::vector<asio::ip::address> addresses;
    std::uint32_t ttl = 60;
    std::uint8_t code = 0;  ///< SERVFAIL: 2
  };

  dns_server() {
    receive();
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~dns_server() {
    io_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return udp_.local_endpoint().port(); }
  /// From now on queries with an OPT record get FORMERR, as from servers before RFC 6891.
  void refuse_edns() { refuses_edns_ = true; }
  /// The last query that has come.
  std::vector<std::uint8_t> last_query() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  /// How many queries have come by a stream.
  int by_stream() const { return by_stream_; }
  /// The reply to a query; empty: none.
  std::vector<std::uint8_t> reply_to(const std::uint8_t* query, std::size_t size) {
    return answer_to(query, size, true);
  }
  void add(const std::string& name, entry e) {
    const std::lock_guard lock(mutex_);
    entries_[name] = std::move(e);
  }
  /// Queries of A that have come for it.
  int asked(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(name);
    return found == asked_.end() ? 0 : found->second;
  }
  int asked_in_all() const {
    const std::lock_guard lock(mutex_);
    int sum = 0;
    for (const auto& [name, times] : asked_) sum += times;
    return sum;
  }

 private:
  using bytes = std::vector<std::uint8_t>;
  static constexpr std::size_t longest_datagram = 512;

  static void put(bytes& to, std::uint64_t value, int octets) {
    while (octets-- > 0) to.push_back(static_cast<std::uint8_t>(value >> (8 * octets)));
  }
  /// Empty: none.
  bytes answer_to(const std::uint8_t* query, std::size_t size, bool may_be_long) {
    std::size_t at = 12;
    std::string name;
    while (at < size && query[at] != 0) {
      if (!name.empty()) name += '.';
      name.append(reinterpret_cast<const char*>(query) + at + 1, query[at]);
      at += query[at] + 1u;
    }
    const bool v6 = query[at + 2] == 28;
    const std::size_t end = at + 5;
    const std::lock_guard lock(mutex_);
    last_.assign(query, query + size);
    if (refuses_edns_ && query[11] != 0) return {query[0], query[1], 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0};
    const bool is_address = query[at + 1] == 0 && (query[at + 2] == 1 || v6);
    if (!v6) ++asked_[name];
    if (name.ends_with(".dead")) return {};
    const auto found = entries_.find(name);
    bytes a(query, query + 2);
    put(a, 0x8180u | (found == entries_.end() ? 3u : found->second.code), 2);
    put(a, 1, 2);
    put(a, 0, 6);
    a.insert(a.end(), query + 12, query + end);
    if (found == entries_.end() || !is_address) return a;
    const std::size_t head = a.size();
    std::uint32_t count = 0;
    for (const auto& address : found->second.addresses) {
      if (address.is_v6() != v6) continue;
      ++count;
      put(a, 0xc00c, 2);
      put(a, v6 ? 28 : 1, 2);
      put(a, 1, 2);
      put(a, found->second.ttl, 4);
      put(a, v6 ? 16 : 4, 2);
      if (v6)
        for (const auto b : address.to_v6().to_bytes()) put(a, b, 1);
      else
        put(a, address.to_v4().to_uint(), 4);
    }
    if (a.size() > longest_datagram && !may_be_long) {
      a.resize(head);
      a[2] |= 2;  // truncated: ask by TCP
      return a;
    }
    a[6] = static_cast<std::uint8_t>(count >> 8);
    a[7] = static_cast<std::uint8_t>(count);
    return a;
  }
  void receive() {
    udp_.async_receive_from(asio::buffer(in_), from_, [this](std::error_code ec, std::size_t n) {
      if (ec) return;
      const bytes answer = answer_to(in_.data(), n, false);
      std::error_code ignored;
      if (!answer.empty()) udp_.send_to(asio::buffer(answer), from_, 0, ignored);
      receive();
    });
  }
  void accept() {
    tcp_.async_accept([this](std::error_code ec, asio::ip::tcp::socket s) {
      if (ec) return;
      asio::co_spawn(io_, serve(std::move(s)), [](std::exception_ptr) {});
      accept();
    });
  }
  /// Until the client ends, or cannot be answered.
  asio::awaitable<void> serve(asio::ip::tcp::socket s) {
    for (;;) {
      std::array<std::uint8_t, 2> head{};
      co_await asio::async_read(s, asio::buffer(head), asio::use_awaitable);
      bytes query(static_cast<std::size_t>(head[0] << 8 | head[1]));
      co_await asio::async_read(s, asio::buffer(query), asio::use_awaitable);
      ++by_stream_;
      const bytes answer = answer_to(query.data(), query.size(), true);
      if (answer.empty()) continue;
      bytes out;
      put(out, static_cast<std::uint32_t>(answer.size()), 2);
      out.insert(out.end(), answer.begin(), answer.end());
      co_await asio::async_write(s, asio::buffer(out), asio::use_awaitable);
    }
  }

  /// On the port of `tcp`, if that is free.
  static asio::ip::udp::socket beside(asio::ip::tcp::acceptor& tcp) {
    const auto here = asio::ip::address_v4::loopback();
    for (;;) {
      asio::ip::udp::socket udp(tcp.get_executor(), asio::ip::udp::v4());
      std::error_code taken;
      udp.bind({here, tcp.local_endpoint().port()}, taken);
      if (!taken) return udp;
      tcp = asio::ip::tcp::acceptor(tcp.get_executor(), {here, 0});
    }
  }

  asio::io_context io_;
  asio::ip::tcp::acceptor tcp_{io_, {asio::ip::address_v4::loopback(), 0}};
  asio::ip::udp::socket udp_ = beside(tcp_);
  std::array<std::uint8_t, 4096> in_{};
  asio::ip::udp::endpoint from_;
  std::atomic<bool> refuses_edns_{false};
  std::atomic<int> by_stream_{0};
  mutable std::mutex mutex_;
  bytes last_;
  std::map<std::string, entry> entries_;
  std::map<std::string, int> asked_;
  std::thread thread_;
};

/// A directory with a hosts file and a resolv.conf, which goes with it.
class name_files {
 public:
  explicit name_files(std::uint16_t port, std::string_view hosts = "", std::string_view more = "") {
    sources.hosts = directory_ + "/hosts";
    sources.resolv_conf = directory_ + "/resolv.conf";
    sources.port = port;
    write(sources.hosts, hosts);
    write(sources.resolv_conf, std::string("nameserver 127.0.0.1\n") + std::string(more));
  }
  ~name_files() {
    ::unlink(sources.hosts.c_str());
    ::unlink(sources.resolv_conf.c_str());
    ::rmdir(directory_.c_str());
  }
  static void write(const std::string& path, std::string_view text) { std::ofstream(path) << text; }

  muxpro::proxy::name_sources sources;

 private:
  static std::string new_directory() {
    std::string path = "/tmp/muxpro-names-XXXXXX";
    return ::mkdtemp(path.data()) ? path : std::string("/nowhere");
  }
  const std::string directory_ = new_directory();
};

}  // namespace test
