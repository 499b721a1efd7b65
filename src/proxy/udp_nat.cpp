#include <muxpro/proxy/udp_nat.hpp>

#include <asio/co_spawn.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

namespace muxpro::proxy {

using asio::ip::udp;
using std::chrono::steady_clock;

namespace {

auto or_error(std::error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

host_port to_host_port(const udp::endpoint& e) {
  const asio::ip::address a = e.address().is_v6() && e.address().to_v6().is_v4_mapped() ? unmapped(e.address()) : e.address();
  if (a.is_v4()) return {address::v4(a.to_v4().to_bytes()), e.port()};
  return {address::v6(a.to_v6().to_bytes()), e.port()};
}

std::uint16_t port_of(int descriptor) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at), &size) != 0) return 0;
  // sockaddr_in and sockaddr_in6 have the port at the same place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&at)->sin_port);
}

}  // namespace

/// One sub-stream and its socket.
class udp_nat::association : public std::enable_shared_from_this<association> {
 public:
  association(udp_nat& nat, sub_datagram stream, bool addressed)
      : nat_(nat), stream_(std::move(stream)), executor_(stream_.get_executor()), addressed_(addressed),
        socket_(executor_), handed_over_(executor_, time_point::max()) {}

  /// Another one of this mapping still has the socket, if open_mapping() gave none. False: stopped before.
  asio::awaitable<bool> socket_there();
  asio::awaitable<void> send_outside();
  static asio::awaitable<void> receive_from_outside(std::shared_ptr<association> self);
  /// On any thread.
  void stop(end_code code);
  /// On any thread, under the table's lock.
  void hand_over(int descriptor);

  std::optional<global_id> source() const { return stream_.source(); }
  /// A new socket, or an old one.
  bool open(int descriptor);
  int native() { return socket_.native_handle(); }
  std::uint16_t port() { return port_of(socket_.is_open() ? native() : handed_); }
  /// Under the table's lock: gives the socket away, or -1 if it has none.
  int take_socket() {
    std::error_code ignored;
    return socket_.is_open() ? socket_.release(ignored) : std::exchange(handed_, -1);
  }
  void close_stream() { stream_.close(); }
  nat_table::mapping id = 0;

 private:
  asio::awaitable<udp::endpoint> where(host_port to, std::error_code& ec);
  udp::endpoint suited(const asio::ip::address& a, std::uint16_t port) const;
  bool wanted(const udp::endpoint& from) const;
  void used() {
    const std::lock_guard lock(nat_.mutex_);
    nat_.table_.touch(id, steady_clock::now());
  }

  static constexpr std::size_t most_names = 64;
  static constexpr int datagrams_a_turn = 32;

  udp_nat& nat_;
  sub_datagram stream_;
  const asio::any_io_executor executor_;
  const bool addressed_;
  udp::socket socket_;
  asio::steady_timer handed_over_;
  int handed_ = -1;  ///< a descriptor on its way, under the table's lock
  bool stopped_ = false;
  std::shared_ptr<dial> search_;
  bool v6_ = true;
  std::optional<udp::endpoint> target_;
  std::deque<std::pair<host_port, udp::endpoint>> names_;
};

bool udp_nat::association::open(int descriptor) {
  std::error_code ec;
  if (descriptor >= 0) {
    sockaddr_storage at{};
    socklen_t size = sizeof at;
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at), &size);
    v6_ = at.ss_family == AF_INET6;
    socket_.assign(v6_ ? udp::v6() : udp::v4(), descriptor, ec);
  } else {
    socket_.open(udp::v6(), ec);
    if (!ec) socket_.set_option(asio::ip::v6_only(false), ec);
    if (!ec) socket_.bind({udp::v6(), 0}, ec);
    if (ec && ec != asio::error::no_descriptors) {  // a machine without IPv6
      v6_ = false;
      std::error_code ignored;
      socket_.close(ignored);
      ec.clear();
      socket_.open(udp::v4(), ec);
      if (!ec) socket_.bind({udp::v4(), 0}, ec);
    }
  }
  if (!ec) socket_.non_blocking(true, ec);
  return !ec;
}

udp::endpoint udp_nat::association::suited(const asio::ip::address& a, std::uint16_t port) const {
  if (v6_ && a.is_v4()) return {asio::ip::make_address_v6(asio::ip::v4_mapped, a.to_v4()), port};
  return {a, port};
}

// The address of a datagram, allowed by the policy; names are asked for once.
asio::awaitable<udp::endpoint> udp_nat::association::where(host_port to, std::error_code& ec) {
  const auto known = std::find_if(names_.begin(), names_.end(), [&](const auto& n) { return n.first == to; });
  if (known != names_.end()) co_return known->second;
  search_ = std::make_shared<dial>(executor_, nat_.names_, nat_.policy_, nat_.dial_);
  const auto found = co_await search_->find(to.host, to.port, ec);
  if (ec) co_return udp::endpoint();
  auto usable = std::find_if(found.begin(), found.end(), [&](const auto& a) { return v6_ || a.is_v4(); });
  if (usable == found.end()) {
    ec = end_code::unreachable;
    co_return udp::endpoint();
  }
  const udp::endpoint e = suited(*usable, to.port);
  if (names_.size() >= most_names) names_.pop_front();
  names_.emplace_back(std::move(to), e);
  co_return e;
}

asio::awaitable<void> udp_nat::association::send_outside() {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(max_datagram);
  for (;;) {
    std::error_code ec;
    host_port to;
    const auto into = asio::buffer(memory.get(), max_datagram);
    const std::size_t n = co_await stream_.async_receive_from(into, to, or_error(ec));
    if (ec) break;
    used();
    const bool is_target = to.host == stream_.target().host && to.port == stream_.target().port;
    const udp::endpoint e = co_await where(std::move(to), ec);
    if (ec && is_target && !addressed_) {  // there will never be another one
      stream_.reset(static_cast<end_code>(ec.value()));
      break;
    }
    if (ec) continue;
    if (is_target) target_ = e;
    co_await socket_.async_send_to(asio::buffer(memory.get(), n), e, or_error(ec));
  }
  stream_.close();
}

// Under 0.0 a sub-stream is tied to its target. An answer from where nothing may be dialled is none.
bool udp_nat::association::wanted(const udp::endpoint& from) const {
  if (!addressed_) return target_ && from == *target_;
  return nat_.policy_.check(from.address(), from.port()) == verdict::allowed && !nat_.is_own_port(from);
}

asio::awaitable<void> udp_nat::association::receive_from_outside(std::shared_ptr<association> self) {
  thread_local std::array<std::byte, max_datagram> memory;
  udp::socket& socket = self->socket_;
  for (;;) {
    std::error_code ec;
    co_await socket.async_wait(udp::socket::wait_read, or_error(ec));
    if (ec) co_return;
    for (int i = 0; i < datagrams_a_turn; ++i) {
      udp::endpoint from;
      const std::size_t n = socket.receive_from(asio::buffer(memory), from, 0, ec);
      if (ec == asio::error::bad_descriptor) co_return;
      if (ec) break;
      if (!self->wanted(from)) continue;
      self->used();
      co_await self->stream_.async_send_to(asio::buffer(memory.data(), n), to_host_port(from), or_error(ec));
      if (ec && ec != errc::datagram_too_large) co_return;
      if (!socket.is_open()) co_return;
    }
  }
}

void udp_nat::association::stop(end_code code) {
  asio::post(executor_, [weak = weak_from_this(), code] {
    const auto self = weak.lock();
    if (!self) return;
    self->stopped_ = true;
    self->handed_over_.cancel();
    if (self->search_) self->search_->cancel(asio::error::operation_aborted);
    if (code == end_code::graceful)
      self->stream_.close();
    else
      self->stream_.reset(code);
  });
}

void udp_nat::association::hand_over(int descriptor) {
  handed_ = descriptor;
  asio::post(executor_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->handed_over_.cancel();
  });
}

asio::awaitable<bool> udp_nat::association::socket_there() {
  while (!stopped_ && !socket_.is_open()) {
    int descriptor = -1;
    {
      const std::lock_guard lock(nat_.mutex_);
      descriptor = std::exchange(handed_, -1);
    }
    if (descriptor >= 0 && !open(descriptor)) ::close(descriptor), stopped_ = true;
    if (stopped_ || socket_.is_open()) break;
    std::error_code cancelled;
    co_await handed_over_.async_wait(or_error(cancelled));
  }
  co_return !stopped_;
}

// --- the table

udp_nat::udp_nat(nat_limits limits, dial_options dial, resolver& names, const dial_policy& policy)
    : limits_(limits), dial_(dial), names_(names), policy_(policy), local_(local_addresses()), table_(limits) {}

udp_nat::~udp_nat() {
  for (const auto& p : parked_) ::close(p.second);
}

std::size_t udp_nat::mappings() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

bool udp_nat::is_own_port(const udp::endpoint& e) const {
  const asio::ip::address a = unmapped(e.address());
  if (!a.is_loopback() && std::find(local_.begin(), local_.end(), a) == local_.end()) return false;
  const std::lock_guard lock(mutex_);
  return ports_.contains(e.port());
}

// Under the lock.
void udp_nat::retire(nat_table::mapping id, end_code code) {
  if (const auto parked = parked_.find(id); parked != parked_.end()) {
    if (const auto port = ports_.find(port_of(parked->second)); port != ports_.end()) ports_.erase(port);
    ::close(parked->second);
    parked_.erase(parked);
  }
  if (const auto used = in_use_.find(id); used != in_use_.end()) {
    for (const auto& waiting : {used->second.by.lock(), used->second.next.lock()})
      if (waiting) waiting->stop(code);
  }
}

bool udp_nat::open_mapping(association& a, const owner& who) {
  const std::lock_guard lock(mutex_);
  const auto admitted = table_.admit(who.user, who.session, who.addressed ? a.source() : std::nullopt,
                                     steady_clock::now());
  a.id = admitted.id;
  for (const auto id : admitted.evicted) retire(id, end_code::resources);
  int descriptor = -1;
  if (const auto parked = parked_.find(a.id); parked != parked_.end()) {
    descriptor = parked->second;
    parked_.erase(parked);
  } else if (const auto used = in_use_.find(a.id); used != in_use_.end()) {
    if (const auto holder = used->second.by.lock()) {
      if (const auto other = used->second.next.lock()) other->stop(end_code::graceful);
      used->second.next = a.weak_from_this();
      holder->stop(end_code::graceful);
      return true;
    }
  }
  const bool fresh = descriptor < 0;
  if (!a.open(descriptor)) {
    if (!fresh) ::close(descriptor);
    table_.remove(a.id);
    in_use_.erase(a.id);
    return false;
  }
  if (fresh) ports_.insert(port_of(a.native()));
  in_use_[a.id] = {a.weak_from_this(), {}};
  return true;
}

// The socket goes to who waits for it, or is parked, or closed.
void udp_nat::end_mapping(association& a) {
  const std::lock_guard lock(mutex_);
  const auto used = in_use_.find(a.id);
  if (used == in_use_.end() || used->second.by.lock().get() != &a) return;  // it waited, in vain
  const std::uint16_t port = a.port();
  const int descriptor = a.take_socket();
  if (const auto next = used->second.next.lock(); next && descriptor >= 0) {
    used->second = {next, {}};
    next->hand_over(descriptor);
    return;
  }
  in_use_.erase(used);
  if (table_.release(a.id, steady_clock::now()) && descriptor >= 0) {
    parked_[a.id] = descriptor;
    return;
  }
  table_.remove(a.id);
  if (const auto found = ports_.find(port); found != ports_.end()) ports_.erase(found);
  if (descriptor >= 0) ::close(descriptor);
}

asio::awaitable<void> udp_nat::carry(sub_datagram stream, owner who) {
  const auto executor = stream.get_executor();
  const auto a = std::make_shared<association>(*this, std::move(stream), who.addressed);
  if (!open_mapping(*a, who)) {
    a->stop(end_code::resources);
    co_return;
  }
  const struct ending {
    udp_nat& nat;
    association& a;
    ~ending() { nat.end_mapping(a); }
  } whatever_happens{*this, *a};
  const bool there = co_await a->socket_there();
  if (!there) co_return;
  asio::co_spawn(executor, association::receive_from_outside(a), [](std::exception_ptr) {});
  co_await a->send_outside();
}

asio::awaitable<void> udp_nat::sweep() {
  using std::chrono::milliseconds;
  const auto pause = std::clamp<duration>(std::min(limits_.idle, limits_.resume) / 16, milliseconds(5), milliseconds(1000));
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    timer.expires_after(pause);
    co_await timer.async_wait(asio::use_awaitable);
    const std::lock_guard lock(mutex_);
    for (const auto id : table_.expire(steady_clock::now())) retire(id, end_code::graceful);
  }
}

}  // namespace muxpro::proxy
