#include "proxy/dial/resolver_backend.hpp"

#include <asio/execution_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>

#include <exception>
#include <new>
#include <optional>

namespace muxpro::proxy {

namespace {

/// The backends of a context.
class resolver_backends final : public asio::execution_context::service {
 public:
  using key_type = resolver_backends;
  static inline asio::execution_context::id id;

  explicit resolver_backends(asio::execution_context& context) : service(context) {}

  std::shared_ptr<resolver_backend> of(const asio::any_io_executor& executor,
                                       const std::shared_ptr<shared_names>& known) {
    const std::lock_guard lock(mutex_);
    for (const auto& backend : backends_)
      if (backend->is_of(known)) return backend;
    std::erase_if(backends_, [](const auto& backend) { return backend->is_useless(); });
    return backends_.emplace_back(std::make_shared<resolver_backend>(executor, known));
  }

 private:
  void shutdown() noexcept override {
    std::vector<std::shared_ptr<resolver_backend>> all;
    {
      const std::lock_guard lock(mutex_);
      all.swap(backends_);
    }
    for (const auto& backend : all) backend->context_destroyed();
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<resolver_backend>> backends_;
};

std::error_code code_of(name_answer::kind what) {
  switch (what) {
    case name_answer::kind::found: return {};
    case name_answer::kind::not_there: return asio::error::host_not_found;
    case name_answer::kind::no_data: return asio::error::no_data;
    case name_answer::kind::failed: return asio::error::host_not_found_try_again;
    case name_answer::kind::not_asked: break;
  }
  return asio::error::no_recovery;
}

void answer_all(const name_requests& all) {
  for (const auto& r : all) {
    try {
      answer(r);
    } catch (const std::bad_alloc&) {
      // The dial that waits has a deadline.
    }
  }
}

}  // namespace

void answer(const std::shared_ptr<name_request>& request) {
  asio::post(request->executor, [request] {
    if (const auto done = std::exchange(request->done, nullptr))
      done(request->error, std::move(request->found));
  });
}

std::shared_ptr<resolver_backend> resolver_backend::of(const asio::any_io_executor& executor,
                                                       const std::shared_ptr<shared_names>& known) {
  auto& context = asio::query(executor, asio::execution::context);
  if (!asio::has_service<resolver_backends>(context)) {
    // Services that a backend's objects use go after it.
    const counted_timer timer(executor);
    const asio::posix::stream_descriptor socket(executor);
  }
  return asio::use_service<resolver_backends>(context).of(executor, known);
}

void resolver_backend::ask(const std::shared_ptr<name_request>& request) {
  name_requests answered;
  {
    const std::lock_guard lock(mutex_);
    if (gone_) return;
    if (advance(request)) answered.push_back(request);
    start_queries(answered);
    count();
  }
  answer_all(answered);
}

void resolver_backend::give_up(name_request& request) noexcept {
  std::shared_ptr<name_request> mine;  // destroyed after the lock, because it may hold the caller
  std::shared_ptr<name_search> ended;
  name_requests answered;
  try {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(request.ticket);
    if (gone_ || found == requests_.end()) return;
    mine = std::move(found->second);
    requests_.erase(found);
    if (const auto name = turns_.give_up(request.ticket)) {
      const auto s = searches_.find(*name);
      ended = std::move(s->second);
      searches_.erase(s);
      ended->close();
    }
    start_queries(answered);
    count();
  } catch (...) {
  }
  answer_all(answered);
}

void resolver_backend::context_destroyed() noexcept {
  decltype(requests_) requests;
  decltype(searches_) searches;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    requests.swap(requests_);
    searches.swap(searches_);
    turns_ = query_scheduler();
    count();
  }
  for (const auto& [name, s] : searches) s->context_destroyed();
}

bool resolver_backend::take(name_request& r, name_answer answer) {
  const bool none = answer.what == name_answer::kind::not_there || answer.what == name_answer::kind::no_data;
  if (none && ++r.next < r.names.size()) return false;
  r.error = code_of(answer.what);
  r.found = std::move(answer.addresses);
  return true;
}

bool resolver_backend::advance(const std::shared_ptr<name_request>& r) {
  for (;;) {
    const std::string& name = r->names[r->next];
    if (r->may_ask && !r->may_ask(name)) {
      r->error = errc::target_rejected;
      return true;
    }
    if (auto known = r->known->cached(name)) {
      if (known->stale) refresh(*r);
      if (take(*r, std::move(known->answer))) return true;
      continue;
    }
    if (const auto ticket = turns_.ask(name, r->asker)) {
      r->ticket = *ticket;
      requests_.emplace(*ticket, r);
      return false;
    }
    r->error = asio::error::no_buffer_space;
    return true;
  }
}

/// Asks again for an answer that has served beyond its time. The look-up is one of the same user.
void resolver_backend::refresh(const name_request& stale) {
  const std::string& name = stale.names[stale.next];
  if (turns_.is_asked(name)) return;
  const auto ticket = turns_.ask(name, stale.asker);
  if (!ticket) return;
  const auto r = std::make_shared<name_request>(stale.known, stale.asker, std::vector{name}, executor_,
                                                resolver::name_check(), resolver::handler());
  r->ticket = *ticket;
  requests_.emplace(*ticket, r);
}

void resolver_backend::start_queries(name_requests& answered) {
  const auto known = known_.lock();
  if (!known) return;
  while (const auto name = turns_.next()) start(known, *name, answered);
}

void resolver_backend::start(const std::shared_ptr<shared_names>& known, const std::string& name,
                             name_requests& answered) {
  // Another thread may have asked meanwhile.
  const auto found = known->cached(name);
  if (found && !found->stale) return finish(name, found->answer, answered);
  search(known, name, answered);
}

void resolver_backend::search(const std::shared_ptr<shared_names>& known, const std::string& name,
                              name_requests& answered) {
  auto happened = [weak = weak_from_this()](name_search& s, name_query& q, int readable, int writable) {
    if (const auto backend = weak.lock()) backend->happened(s, q, readable, writable);
  };
  const auto s = std::make_shared<name_search>(known, name, executor_, std::move(happened));
  searches_.emplace(name, s);
  s->start();
  if (s->finished()) finish(*s, answered);
}

void resolver_backend::happened(name_search& s, name_query& q, int readable, int writable) {
  name_requests answered;
  {
    const std::lock_guard lock(mutex_);
    if (s.finished() || gone_) return;
    s.process(q, readable, writable);
    if (!s.finished()) return;
    finish(s, answered);
    start_queries(answered);
    count();
  }
  answer_all(answered);
}

void resolver_backend::finish(name_search& s, name_requests& answered) {
  const auto keep = searches_.extract(s.name());
  name_answer answer = s.take_answer();
  answer.addresses = by_routes(answer.addresses);
  if (const auto known = known_.lock())
    known->remember(s.name(), turns_.user_of(s.name()), answer, s.ttl(), s.server());
  finish(s.name(), answer, answered);
}

void resolver_backend::finish(const std::string& name, const name_answer& answer, name_requests& answered) {
  for (const auto ticket : turns_.finish(name)) {
    auto waited = requests_.extract(ticket);
    if (waited.empty()) continue;
    auto& r = waited.mapped();
    if (take(*r, answer) || advance(r)) answered.push_back(std::move(r));
  }
}

// The backend's part of the resolver's counts.
void resolver_backend::count() noexcept {
  const auto known = known_.lock();
  if (!known) return;
  known->under_way += turns_.under_way() - std::exchange(counted_under_way_, turns_.under_way());
  known->waiting += turns_.waiting() - std::exchange(counted_waiting_, turns_.waiting());
}

}  // namespace muxpro::proxy
