#include "proxy/dial/name_search.hpp"

#include "proxy/dial/ares_query.hpp"
#include "proxy/dial/server_query.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace muxpro::proxy {

name_search::name_search(std::shared_ptr<shared_names> known, std::string name,
                         asio::any_io_executor executor, event happened)
    : known_(std::move(known)),
      name_(std::move(name)),
      executor_(std::move(executor)),
      happened_(std::move(happened)),
      server_(name_rules::system_server) {}

void name_search::start() {
  for (const std::size_t n : known_->servers_for(name_)) turns_.push_back({n});
  if (known_->asks_in_parallel())
    for (turn& t : turns_) ask(t);
  finish_if_decided();
}

void name_search::ask(turn& t) {
  try {
    t.query = make_query(t.server);
    t.query->start();
  } catch (const std::exception&) {
    // There is no memory for it, or for its sockets.
    if (t.query) t.query->close();
  }
  t.ended = !t.query;
  if (t.query && t.query->finished()) record(t);
}

std::shared_ptr<name_query> name_search::make_query(std::size_t server) {
  auto noted = [weak = weak_from_this()](name_query& q, int readable, int writable) {
    if (const auto self = weak.lock()) self->happened_(*self, q, readable, writable);
  };
  const name_families wanted = known_->families(server);
  if (known_->is_system(server))
    return std::make_shared<ares_query>(name_, *known_->system.servers(), wanted, executor_,
                                        std::move(noted));
  return std::make_shared<server_query>(known_, server, name_, wanted, executor_, std::move(noted));
}

void name_search::process(name_query& q, int readable, int writable) {
  const auto t =
      std::find_if(turns_.begin(), turns_.end(), [&](const turn& o) { return o.query.get() == &q; });
  if (finished_ || t == turns_.end() || t->ended) return;
  try {
    q.process(readable, writable);
  } catch (const std::exception&) {
    q.close();
  }
  if (!q.finished()) return;
  record(*t);
  finish_if_decided();
}

// Leaves out what the server's answers must not have.
void name_search::record(turn& t) {
  t.ended = true;
  t.answer = t.query->take_answer();
  t.ttl = t.query->ttl();
  t.query->close();
  const bool had = !t.answer.addresses.empty();
  if (had && known_->rules) known_->rules->filter(t.server, t.answer.addresses);
  if (had && t.answer.addresses.empty()) t.answer.what = name_answer::kind::no_data;
}

// The first group with an address has the answer. Those of a group are alike, and the first reply counts.
void name_search::finish_if_decided() {
  for (std::size_t first = 0; first < turns_.size();) {
    const std::size_t last = end_of_group(first);
    if (finish_group_if_decided(first, last)) return;
    first = last;
  }
  const auto is_definite = [](const turn& t) { return t.answer.what != name_answer::kind::failed; };
  const auto best = std::find_if(turns_.begin(), turns_.end(), is_definite);
  finish(best != turns_.end() ? &*best : turns_.empty() ? nullptr : &turns_.front());
}

// Returns whether the groups behind it need no query.
bool name_search::finish_group_if_decided(std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) {
    if (!turns_[i].query && !turns_[i].ended) ask(turns_[i]);
    if (!turns_[i].ended || turns_[i].answer.addresses.empty()) continue;
    finish(&turns_[i]);
    return true;
  }
  return std::any_of(turns_.begin() + static_cast<std::ptrdiff_t>(first),
                     turns_.begin() + static_cast<std::ptrdiff_t>(last),
                     [](const turn& t) { return !t.ended; });
}

std::size_t name_search::end_of_group(std::size_t first) const {
  std::size_t last = first + 1;
  while (known_->asks_in_parallel() && last < turns_.size() &&
         known_->rules->are_alike(turns_[last - 1].server, turns_[last].server))
    ++last;
  return last;
}

void name_search::finish(turn* best) {
  finished_ = true;
  answer_ = best ? std::move(best->answer) : name_answer{name_answer::kind::not_asked, {}};
  if (best) ttl_ = best->ttl;
  if (best && !answer_.addresses.empty()) server_ = best->server;
  close();
}

void name_search::close() noexcept {
  finished_ = true;
  for (const turn& t : turns_)
    if (t.query && !t.ended) t.query->close();
}

void name_search::context_destroyed() noexcept {
  finished_ = true;
  for (const turn& t : turns_)
    if (t.query) t.query->context_destroyed();
}

}  // namespace muxpro::proxy
