#include "proxy/transport/xhttp_server.hpp"

#include "proxy/http/target.hpp"
#include "proxy/net/random_in.hpp"
#include "proxy/transport/coroutine_stream.hpp"
#include "proxy/websocket/upgrade.hpp"
#include "proxy/xhttp/part_data.hpp"

#include <asio/error.hpp>

#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

/// The connection of a session, which reads from other requests than the one that it writes to.
class xhttp_joined final : public stream_coroutines {
 public:
  xhttp_joined(std::shared_ptr<xhttp_upload> up, std::shared_ptr<connection> down)
      : up_(std::move(up)), down_(std::move(down)) {}
  ~xhttp_joined() override { up_->end(asio::error::operation_aborted); }

  asio::any_io_executor get_executor() override { return down_->get_executor(); }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, std::error_code& ec) override {
    return up_->read_some(into, ec);
  }
  asio::awaitable<void> write(asio::const_buffer from, std::error_code& ec) override {
    return down_->write(from, ec);
  }
  asio::awaitable<void> finish() override { return down_->finish(); }
  void cut(end_code code) noexcept override {
    up_->end(asio::error::operation_aborted);
    down_->cut(code);
  }
  void close() noexcept override {
    up_->end(asio::error::operation_aborted);
    down_->close();
  }

 private:
  const std::shared_ptr<xhttp_upload> up_;
  const std::shared_ptr<connection> down_;
};

asio::awaitable<void> serve_call(std::shared_ptr<xhttp_call> call, std::shared_ptr<connection> c,
                                 transport::server serve) {
  std::error_code ec;
  co_await call->begin(ec);
  if (ec) co_return;
  co_await serve(std::move(c));
}

// Xray's client by HTTP/1.1 reads the answer only when it uses the connection for another session, which
// fails unless the answer is 200. A part that comes behind the end of its session is therefore dropped and
// answered.
asio::awaitable<void> take_part(std::shared_ptr<xhttp_upload> up, xhttp_part part,
                                std::shared_ptr<connection> answer) {
  std::error_code over, ec;
  co_await up->take_post(std::move(part), over);
  std::vector<std::byte> dropped(over ? 16 * 1024 : 0);
  while (over && !ec) co_await answer->read_some(asio::buffer(dropped), ec);
  if (ec && ec != asio::error::eof) co_return answer->cut();
  co_await answer->finish();
  answer->close();
}

asio::awaitable<void> take_whole(std::shared_ptr<xhttp_upload> up, std::shared_ptr<xhttp_call> call,
                                 std::shared_ptr<connection> body) {
  std::error_code ec;
  co_await call->begin(ec);
  if (ec)
    up->end(ec);
  else
    co_await up->take_stream(body, ec);
}

/// Answers of some bytes now and then keep proxies on the way from cutting a long upload.
asio::awaitable<void> pad_answer(std::shared_ptr<xhttp_upload> up, std::shared_ptr<connection> to,
                                 xhttp_options o, bool pads) {
  for (std::error_code ec; !ec;) {
    const auto pause = std::chrono::seconds(random_in(o.server_padding_secs));
    const time_point next = pads ? std::chrono::steady_clock::now() + pause : time_point::max();
    const bool ended = co_await up->has_ended(next);
    if (ended) break;
    const std::string padding(random_in(o.padding), 'X');
    co_await to->write(asio::buffer(padding), ec);
  }
  co_await to->finish();
  to->close();
}

}  // namespace

// --- sessions

xhttp_sessions::xhttp_sessions(std::size_t waiting_posts)
    : waiting_posts_(waiting_posts), ended_upload_(std::make_shared<xhttp_upload>(waiting_posts)) {
  ended_upload_->end(asio::error::eof);
}

std::shared_ptr<xhttp_upload> xhttp_sessions::get(const std::string& name) {
  const std::lock_guard lock(mutex_);
  for (const by_name* all : {&begun_, &waiting_})
    if (const auto found = all->find(name); found != all->end()) return found->second;
  forget_old(std::chrono::steady_clock::now());
  if (removed_.contains(name)) return ended_upload_;
  if (waiting_.size() >= most_waiting) return nullptr;
  return waiting_[name] = std::make_shared<xhttp_upload>(waiting_posts_);
}

std::shared_ptr<xhttp_upload> xhttp_sessions::begin(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (begun_.contains(name)) return nullptr;
  removed_.erase(name);
  auto& place = begun_[name];
  if (auto early = waiting_.extract(name))
    place = std::move(early.mapped());
  else
    place = std::make_shared<xhttp_upload>(waiting_posts_);
  place->begin();
  return place;
}

void xhttp_sessions::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  forget_old(now);
  if (begun_.erase(name) > 0 && removed_.size() < most_removed)
    removed_[name] = now + xhttp_upload::idle_limit;
}

void xhttp_sessions::forget_old(time_point now) {
  if (now < next_look_) return;
  next_look_ = now + std::chrono::seconds(1);
  std::erase_if(waiting_,
                [](const auto& one) { return one.second->is_older_than(xhttp_upload::idle_limit); });
  std::erase_if(removed_, [now](const auto& one) { return one.second <= now; });
}

// --- requests

bool xhttp_server::take(std::shared_ptr<xhttp_call> call, const place& at) {
  xhttp_verdict v = judge_xhttp(call->request, options_);
  const bool is_here = v.status != 404;
  if (is_here)
    take(call, std::move(v), at);
  else
    call->refuse(404, {});  // as a server without XHTTP
  return is_here;
}

void xhttp_server::take(const call_ptr& call, xhttp_verdict v, const place& at) {
  auto fields = xhttp_answer(call->request, v.what, options_, random_in(options_.padding));
  switch (v.what) {
    case xhttp_purpose::refused:
    case xhttp_purpose::preflight: return call->refuse(v.status, std::move(fields));
    case xhttp_purpose::both: return take_both(call, std::move(fields), at);
    case xhttp_purpose::download: return take_download(call, std::move(fields), at, v.session);
    case xhttp_purpose::upload: return take_upload(call, std::move(fields), at, v.session);
    case xhttp_purpose::post: return take_post(call, std::move(fields), at, std::move(v));
  }
}

void xhttp_server::serve(const call_ptr& call, std::shared_ptr<connection> c, const place& at,
                         std::function<void()> then) {
  c->inherit(*at.below);
  if (const auto source = forwarded_source(call->request, options_.trusted))
    c->set_origin(connection::origin{{*source, 0}, {}});
  at.work->run(serve_call(call, std::move(c), at.serve), std::move(then));
}

void xhttp_server::take_both(const call_ptr& call, std::vector<http_field> fields, const place& at) {
  // A read of the request reports that the client has left.
  auto c = call->accept(std::move(fields), [] {});
  serve(call, std::move(c), at, {});
}

void xhttp_server::take_download(const call_ptr& call, std::vector<http_field> fields, const place& at,
                                 const std::string& session) {
  const auto up = sessions_.begin(session);
  if (!up) return call->refuse(409, std::move(fields));
  auto down = call->accept(std::move(fields), [up] { up->client_has_gone(); });
  const auto joined = std::make_shared<xhttp_joined>(up, std::move(down));
  serve(call, make_connection(coroutine_stream(joined)), at, [this, up, session] {
    up->end(asio::error::operation_aborted);
    sessions_.remove(session);
  });
}

void xhttp_server::take_upload(const call_ptr& call, std::vector<http_field> fields, const place& at,
                               const std::string& session) {
  const auto up = sessions_.get(session);
  if (!up) return call->refuse(503, std::move(fields));
  if (!up->enter_stream()) return call->refuse(409, std::move(fields));
  const auto body = call->accept(std::move(fields), {});
  at.work->run(take_whole(up, call, body));
  const bool asked = options_.padding_form.chosen || find_field(call->request.fields, "referer");
  const bool pads = asked && options_.server_padding_secs.most > 0;
  at.work->run(pad_answer(up, body, options_, pads));
}

void xhttp_server::take_post(const call_ptr& call, std::vector<http_field> fields, const place& at,
                             xhttp_verdict v) {
  const auto up = sessions_.get(v.session);
  if (!up) return call->refuse(503, std::move(fields));
  switch (up->enter_post(v.number)) {
    case upload_reorder_buffer::entry::too_many:
      up->end(asio::error::connection_reset);
      return call->refuse(409, std::move(fields));
    case upload_reorder_buffer::entry::repeated: return call->refuse(200, std::move(fields));
    case upload_reorder_buffer::entry::waits:
    case upload_reorder_buffer::entry::over: break;
  }
  const auto answer = call->accept(std::move(fields), {});
  xhttp_part part{v.number, std::move(v.data), takes_data_in_body(options_) ? answer : nullptr};
  at.work->run(take_part(up, std::move(part), answer));
}

}  // namespace muxpro::proxy
