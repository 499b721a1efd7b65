#include <muxpro/proxy/instance.hpp>

#include "proxy/engine/collect_reports.hpp"
#include "proxy/engine/worker.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace muxpro::proxy {

using asio::ip::udp;

struct instance::impl : shared_parts {
  using shared_parts::shared_parts;

  std::vector<std::unique_ptr<worker>> by_thread;
  /// A listener, and what serves its connections.
  struct listening {
    std::shared_ptr<listener> at;
    std::shared_ptr<const listening_inbound> inbound;
  };
  std::mutex access;  ///< to what is below
  std::vector<listening> listeners;
  bool started = false;
  std::size_t datagram_listeners = 0;
  std::atomic<bool> draining = false;
};

instance::instance(instance_options options, std::size_t threads, const equip& outbounds, log_sink log)
    : impl_(std::make_unique<impl>(std::move(options), threads, std::move(log))) {
  for (std::size_t i = 0; i < impl_->threads.size(); ++i) {
    asio::io_context& io = impl_->threads[i];
    impl_->by_thread.push_back(std::make_unique<worker>(*impl_, io));
    outbounds(impl_->by_thread.back()->outbounds(), io);
  }
}

instance::~instance() { stop(); }

void instance::stop() { impl_->stop(); }
void instance::wait() { impl_->threads.join(); }
asio::any_io_executor instance::get_executor() { return impl_->threads[0].get_executor(); }

asio::awaitable<instance_report> instance::report(std::size_t connections_of_thread) {
  auto all = collect_reports(impl_->threads, [this, connections_of_thread](std::size_t thread) {
    return impl_->by_thread[thread]->describe(connections_of_thread);
  });
  instance_report r = co_await std::move(all);
  r.draining = impl_->draining;
  r.counters = impl_->counts->rows();
  r.failed_logins = impl_->counts->failed_logins();
  r.drops = impl_->drops->counts();
  for (const auto& [tag, ever] : impl_->counts->main_connections()) r.inbounds[tag].ever = ever;
  co_return r;
}

asio::awaitable<instance_report> instance::online() {
  auto all = collect_reports(impl_->threads,
                             [this](std::size_t thread) { return impl_->by_thread[thread]->online(); });
  instance_report r = co_await std::move(all);
  co_return r;
}

std::size_t instance::load(std::string_view outbound_tag) const {
  return impl_->counts->of(counter_kind::outbound, outbound_tag).live;
}

stream_endpoint instance::listen(const stream_endpoint& at, std::string tag, std::shared_ptr<const inbound> i,
                                 transport_options how, std::shared_ptr<const sniff_policy> sniffing,
                                 user_account anonymous) {
  listener_options options;
  options.socket = how.socket;
  options.proxied = how.proxies != nullptr;
  options.backoff = impl_->options.accept_backoff;
  options.lead = i->long_lived() ? 0 : 1;
  if (i->long_lived()) impl_->counts->expect_main_connections(tag);
  auto places = i->waiting();
  if (!places)
    places = std::make_shared<admission>(impl_->options.max_waiting, impl_->options.max_waiting_per_source);
  const auto listening = std::make_shared<const listening_inbound>(
      std::move(tag), std::move(i), std::move(how), std::move(sniffing), std::move(anonymous));
  auto take = [this, listening](accepted_client c) {
    worker& thread = *impl_->by_thread[c.slot.worker()];
    thread.take(std::move(c), listening);
  };
  auto note = [this](log_level level, const asio::ip::address& source, const std::string& line) {
    impl_->events.note(level, source, line);
  };
  const auto made =
      std::make_shared<listener>(impl_->threads, at, options, places, std::move(take), std::move(note));
  const stream_endpoint here = made->local();
  const std::lock_guard lock(impl_->access);
  impl_->listeners.push_back({made, listening});
  if (impl_->started) made->start();
  if (impl_->draining && !listening->is_monitor) made->close();
  return here;
}

void instance::stop_listening(const std::string& tag) {
  {
    const std::lock_guard lock(impl_->access);
    std::erase_if(impl_->listeners, [&](const impl::listening& l) {
      if (l.inbound->tag != tag || l.inbound->is_monitor) return false;
      l.at->close();
      if (l.inbound->layers) l.inbound->layers->drain();
      return true;
    });
  }
  for (const auto& w : impl_->by_thread) w->stop_listening(tag);
}

void instance::change(const std::function<void(dispatcher&)>& change) {
  for (const auto& l : impl_->by_thread) l->change(change);
}

udp::endpoint instance::listen_for_datagrams(const udp::endpoint& at, std::string tag,
                                             std::shared_ptr<const inbound> i, const socket_options& socket,
                                             std::shared_ptr<const sniff_policy> sniffing,
                                             user_account anonymous) {
  const std::size_t thread = impl_->started ? 0 : impl_->datagram_listeners++ % impl_->by_thread.size();
  return impl_->by_thread[thread]->listen(at, std::move(tag), std::move(i), socket, std::move(sniffing),
                                          std::move(anonymous));
}

void instance::start() {
  for (const auto& l : impl_->listeners) l.at->start();
  impl_->started = true;
  impl_->threads.start();
}

void instance::drain() {
  {
    const std::lock_guard lock(impl_->access);
    impl_->draining = true;
    for (const auto& [at, inbound] : impl_->listeners) {
      if (!inbound->is_monitor) at->close();
      if (inbound->layers) inbound->layers->drain();
    }
  }
  for (const auto& l : impl_->by_thread) l->drain();
}

}  // namespace muxpro::proxy
