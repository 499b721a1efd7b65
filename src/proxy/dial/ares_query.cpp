#include "proxy/dial/ares_query.hpp"

#include <ares.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

namespace muxpro::proxy {

namespace {

// Half of a dial's time-out, so that there is time to dial after a lost try.
constexpr duration query_timeout = std::chrono::seconds(5);
// Of each family. All together are limited by name_cache_bounds::addresses.
constexpr std::size_t most_addresses = 16;

std::optional<asio::ip::address> address_of(const ares_addrinfo_node& n) {
  if (n.ai_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, n.ai_addr, sizeof in);
    return asio::ip::address_v4(ntohl(in.sin_addr.s_addr));
  }
  if (n.ai_family != AF_INET6) return std::nullopt;
  sockaddr_in6 in{};
  std::memcpy(&in, n.ai_addr, sizeof in);
  asio::ip::address_v6::bytes_type b{};
  std::memcpy(b.data(), &in.sin6_addr, b.size());
  return asio::ip::address_v6(b);
}

// "192.0.2.1:53,[2001:db8::1]:53,", as c-ares takes servers.
std::string list_of(const dns_servers& servers) {
  std::string out;
  for (const auto& a : servers.addresses)
    out += fmt::format(fmt::runtime(a.is_v6() ? "[{}]:{}," : "{}:{},"), a.to_string(), servers.port);
  return out;
}

// As DNS flag day 2020 has it. A server that does not read EDNS is asked again without it.
constexpr int ares_udp_size = 1232;

// With all of these set c-ares reads no file. A name is final, so no domain completes it.
constexpr int all_set = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                        ARES_OPT_NDOTS | ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS |
                        ARES_OPT_SORTLIST | ARES_OPT_SOCK_STATE_CB;

ares_options options_of(const dns_servers& servers, std::string& lookups) {
  ares_options o{};
  o.flags = ARES_FLAG_NOALIASES | ARES_FLAG_NOSEARCH | ARES_FLAG_EDNS;
  o.ednspsz = ares_udp_size;
  o.timeout = servers.timeout;
  o.tries = servers.tries;
  o.ndots = 1;
  o.lookups = lookups.data();
  return o;
}

}  // namespace

ares_query::ares_query(std::string name, dns_servers servers, name_families wanted,
                       asio::any_io_executor executor, event happened)
    : name_query(std::move(happened)),
      name_(std::move(name)),
      servers_(std::move(servers)),
      wanted_(wanted),
      executor_(std::move(executor)),
      timer_(executor_) {}

ares_query::~ares_query() { close(); }

// Its waits end. They hold it, and c-ares closes the socket now.
void ares_query::watched::release() noexcept {
  try {
    if (socket.is_open()) socket.release();
  } catch (...) {
  }
}

void ares_query::close() noexcept {
  finished_ = true;
  if (channel_) ares_destroy(std::exchange(channel_, nullptr));
  for (const auto& [socket, w] : sockets_) w->release();
  sockets_.clear();
  try {
    timer_.cancel();
  } catch (...) {
  }
}

void ares_query::fail(name_answer::kind how) noexcept {
  finished_ = true;
  answer_.what = how;
  answer_.addresses.clear();
}

void ares_query::start() {
  deadline_ = std::chrono::steady_clock::now() + query_timeout;
  std::string lookups = "b";
  ares_options o = options_of(servers_, lookups);
  o.sock_state_cb = &ares_query::on_socket;
  o.sock_state_cb_data = this;
  const int rotation = servers_.rotate ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE;
  if (servers_.addresses.empty() || ares_init_options(&channel_, &o, all_set | rotation) != ARES_SUCCESS ||
      ares_set_servers_ports_csv(channel_, list_of(servers_).c_str()) != ARES_SUCCESS)
    return fail(name_answer::kind::not_asked);
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_family = !wanted_.ipv6 ? AF_INET : wanted_.ipv4 ? AF_UNSPEC : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, name_.c_str(), nullptr, &hints, &ares_query::on_answer, this);
  go_on();
}

void ares_query::process(int readable, int writable) {
  if (finished_) return;
  if (std::chrono::steady_clock::now() >= deadline_)
    ares_cancel(channel_);  // answers with what is there, IPv4 addresses without IPv6 ones
  else
    ares_process_fd(channel_, readable, writable);
  go_on();
}

void ares_query::go_on() {
  if (finished_) return;
  for (const auto& [socket, w] : sockets_) wait(socket, w);
  set_timer();
}

void ares_query::set_timer() {
  timeval longest{}, next{};
  const auto left = std::max<duration>(deadline_ - std::chrono::steady_clock::now(), duration(0));
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(left).count() + 1;
  longest.tv_sec = us / 1'000'000;
  longest.tv_usec = us % 1'000'000;
  const timeval* const until = ares_timeout(channel_, &longest, &next);
  timer_.expires_after(std::chrono::seconds(until->tv_sec) + std::chrono::microseconds(until->tv_usec));
  timer_.async_wait([self = self()](std::error_code cancelled) {
    if (!cancelled) self->happened(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

// An exception must not pass through c-ares.
void ares_query::on_socket(void* self, int socket, int readable, int writable) noexcept {
  try {
    static_cast<ares_query*>(self)->watch(socket, readable != 0, writable != 0);
  } catch (...) {
    static_cast<ares_query*>(self)->fail();
  }
}

void ares_query::watch(int socket, bool readable, bool writable) {
  if (!readable && !writable) {
    if (const auto closed = sockets_.find(socket); closed != sockets_.end()) {
      closed->second->release();
      sockets_.erase(closed);
    }
    return;
  }
  auto& w = sockets_[socket];
  if (!w) {
    w = std::make_shared<watched>(executor_);
    w->socket.assign(socket);
  }
  w->read = readable;
  w->write = writable;
}

void ares_query::wait(int socket, const std::shared_ptr<watched>& w) {
  using descriptor = asio::posix::stream_descriptor;
  if (w->read && !std::exchange(w->reading, true))
    w->socket.async_wait(descriptor::wait_read, [self = self(), w, socket](std::error_code ec) {
      w->reading = false;
      if (!ec && w->socket.is_open()) self->happened(socket, ARES_SOCKET_BAD);
    });
  if (w->write && !std::exchange(w->writing, true))
    w->socket.async_wait(descriptor::wait_write, [self = self(), w, socket](std::error_code ec) {
      w->writing = false;
      if (!ec && w->socket.is_open()) self->happened(ARES_SOCKET_BAD, socket);
    });
}

void ares_query::on_answer(void* self, int status, int, ares_addrinfo* found) noexcept {
  auto& query = *static_cast<ares_query*>(self);
  const bool expected = !std::exchange(query.finished_, true);
  try {
    if (expected && status == ARES_SUCCESS && found) query.take(*found);
    if (expected && status == ARES_ENOTFOUND) query.answer_.what = name_answer::kind::not_there;
    if (expected && status == ARES_ENODATA) query.answer_.what = name_answer::kind::no_data;
  } catch (...) {
    query.fail();
  }
  if (found) ares_freeaddrinfo(found);
}

void ares_query::take(const ares_addrinfo& found) {
  std::size_t v4 = 0, v6 = 0;
  auto shortest = std::chrono::seconds::max();
  for (const ares_addrinfo_cname* c = found.cnames; c; c = c->next)
    shortest = std::min(shortest, std::chrono::seconds(c->ttl));
  auto& list = answer_.addresses;
  for (const ares_addrinfo_node* n = found.nodes; n; n = n->ai_next) {
    shortest = std::min(shortest, std::chrono::seconds(n->ai_ttl));
    const auto a = address_of(*n);
    if (!a || std::find(list.begin(), list.end(), *a) != list.end()) continue;
    if ((a->is_v4() ? v4 : v6)++ < most_addresses) list.push_back(*a);
  }
  answer_.what = list.empty() ? name_answer::kind::no_data : name_answer::kind::found;
  ttl_ = std::clamp<std::chrono::seconds>(shortest, std::chrono::seconds(0), std::chrono::hours(24));
}

}  // namespace muxpro::proxy
