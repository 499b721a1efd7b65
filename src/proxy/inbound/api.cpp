#include "proxy/inbound/api.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/net/or_error.hpp"
#include "proxy/transport/served_connections.hpp"

#include <muxpro/pipe.hpp>
#include <muxpro/timer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <functional>
#include <optional>

namespace muxpro::proxy {

/// The status in the trailers of an answer.
struct api_server::call_status {
  api_code code = api_code::ok;
  std::string sentence;
};

/// Messages are bytes here, because the server frames them itself.
class api_server::call_body final : public http2_body {
 public:
  explicit call_body(std::shared_ptr<const call_status> s) : status_(std::move(s)) {}
  http2_head trailers() const override {
    http2_head out{{"grpc-status", fmt::format("{}", static_cast<int>(status_->code))}};
    if (!status_->sentence.empty()) out.add("grpc-message", grpc_message_of(status_->sentence));
    return out;
  }

 private:
  const std::shared_ptr<const call_status> status_;
};

/// Bytes of a request that count towards most_held.
class api_server::held_bytes {
 public:
  explicit held_bytes(std::atomic<std::size_t>& all) : all_(all) {}
  held_bytes(const held_bytes&) = delete;
  ~held_bytes() { all_ -= mine_; }
  void add(std::size_t n) {
    mine_ += n;
    if ((all_ += n) > most_held)
      throw api_refusal(api_code::resource_exhausted, "other calls have too large requests now");
  }

 private:
  std::atomic<std::size_t>& all_;
  std::size_t mine_ = 0;
};

namespace {

constexpr std::string_view call_type = "application/grpc";

http2_options options_for_calls() {
  http2_options o;
  o.stream_window = 1 << 16;
  o.connection_window = 1 << 18;
  o.most_unread = 1 << 18;
  o.streams = 32;
  return o;
}

/// What another thread answers.
struct pending_answer {
  explicit pending_answer(const asio::any_io_executor& executor)
      : is_there(executor, std::chrono::seconds(10)) {}
  void set(std::string message, std::exception_ptr thrown) {
    answer = std::move(message);
    failure = thrown;
    is_there.cancel();
  }

  counted_timer is_there;
  std::optional<std::string> answer;
  std::exception_ptr failure;
};

// As in collect_reports(), a thread that has stopped keeps its question, and the asker may be gone by then.
asio::awaitable<std::string> ask_thread(asio::any_io_executor there, std::function<std::string()> work) {
  const auto here = co_await asio::this_coro::executor;
  const auto asked = std::make_shared<pending_answer>(here);
  asio::post(there, [work = std::move(work), here, weak = std::weak_ptr(asked)] {
    std::string answer;
    std::exception_ptr thrown;
    try {
      answer = work();
    } catch (...) {
      thrown = std::current_exception();
    }
    asio::post(here, [weak, answer = std::move(answer), thrown]() mutable {
      if (const auto asker = weak.lock()) asker->set(std::move(answer), thrown);
    });
  });
  std::error_code ignored;
  if (!asked->answer) co_await asked->is_there.async_wait(or_error(ignored));
  if (!asked->answer) throw api_refusal(api_code::deadline_exceeded, "the proxy is busy");
  if (asked->failure) std::rethrow_exception(asked->failure);
  co_return std::move(*asked->answer);
}

}  // namespace

asio::awaitable<void> api_server::serve(std::shared_ptr<connection> below, std::error_code& ec) {
  const auto calls = std::make_shared<served_connections>(below->get_executor(), transport::server());
  http2_connection::on_request on_call = [this, calls](http2_connection& c, http2_request r) {
    take(c, r, *calls);
  };
  const auto c = std::make_shared<http2_connection>(std::move(below), role::server, options_for_calls(),
                                                    std::move(on_call));
  servers_.add(c);
  co_await c->run(ec);
  co_await calls->all_ended();
}

void api_server::take(http2_connection& c, const http2_request& r, served_connections& calls) {
  if (r.head[":method"] != "POST" || !r.head["content-type"].starts_with(call_type))
    return c.refuse(r, {{":status", "415"}});
  const auto status = std::make_shared<call_status>();
  std::shared_ptr<connection> stream =
      make_connection(c.accept(r, {{":status", "200"}, {"content-type", std::string(call_type)}},
                               std::make_unique<call_body>(status)));
  calls.run(answer(std::move(stream), std::string(r.head[":path"]), status));
}

asio::awaitable<void> api_server::answer(std::shared_ptr<connection> c, std::string path,
                                         std::shared_ptr<call_status> status) {
  const deadline limit(c, time_of_call);
  std::string message;
  try {
    message = co_await result_of(c, std::move(path));
  } catch (const api_refusal& r) {
    *status = {r.code, r.what()};
  } catch (const std::system_error& e) {
    *status = {api_code::unavailable, e.code().message()};
  } catch (const std::exception& e) {
    *status = {api_code::unknown, e.what()};
  }
  std::error_code ec;
  const std::string framed = framed_message(message);
  if (status->code == api_code::ok) co_await c->write(asio::buffer(framed), ec);
  if (!ec) co_await c->finish();
}

// gRPC's servers refuse an unknown method before they read its request.
asio::awaitable<std::string> api_server::result_of(std::shared_ptr<connection> c, std::string path) {
  count_call();
  const api_method& method = method_of(path);
  const auto request = std::make_shared<call_reader>();
  held_bytes held(held_);
  std::array<std::byte, 16 * 1024> room;
  for (std::error_code ec; ec != asio::error::eof;) {
    const std::size_t n = co_await c->read_some(asio::buffer(room), ec);
    if (ec && ec != asio::error::eof) throw std::system_error(ec);
    held.add(n);
    request->take(const_bytes(room).first(n));
  }
  request->message();
  const auto report = std::make_shared<std::pair<instance_report, instance_report>>();
  if (method.wants_counters) report->first = co_await proxy_.counters();
  if (method.wants_online) report->second = co_await proxy_.online();
  if (!report->first.complete || !report->second.complete)
    throw api_refusal(api_code::unavailable, "not every thread has answered in time");
  std::function<std::string()> work = [this, &method, request, report] {
    return method.answer({proxy_, counters_, began_, request->message(), report->first, report->second});
  };
  auto answered = ask_thread(proxy_.first_thread(), std::move(work));
  std::string message = co_await std::move(answered);
  co_return message;
}

const api_method& api_server::method_of(std::string_view path) {
  const auto called = call_path_of(path);
  const bool is_on =
      called && std::find(services_.begin(), services_.end(), called->service) != services_.end();
  if (called && !is_on)
    throw api_refusal(api_code::unimplemented,
                      fmt::format("{} is not among the services of api", called->service));
  const api_method* const method = called ? find_api_method(*called) : nullptr;
  if (!method) throw api_refusal(api_code::unimplemented, fmt::format("muxpro does not have {}", path));
  return *method;
}

void api_server::count_call() {
  if (!pace_.ask(0, std::chrono::steady_clock::now()).allowed)
    throw api_refusal(api_code::resource_exhausted,
                      fmt::format("there are more than {} calls in a second", calls_in_a_second));
}

asio::awaitable<void> api_inbound::serve(std::shared_ptr<connection> c, context, dispatcher&,
                                         admission::ticket) const {
  const auto server = server_;
  std::error_code ec;
  co_await server->serve(std::move(c), ec);
}

namespace {

asio::awaitable<void> serve_pipe(std::shared_ptr<api_server> server, std::shared_ptr<connection> c) {
  std::error_code ec;
  co_await server->serve(std::move(c), ec);
}

}  // namespace

asio::awaitable<connection_result> api_outbound::carry(const context&, client& c) {
  const counted here(*this);
  connection_result result;
  co_await c.answer({}, result.why);
  if (result.why) co_return result;
  auto [near, far] = make_pipe(c.get_executor());
  const std::shared_ptr<connection> client_side = make_connection(std::move(near));
  const std::shared_ptr<connection> server_side = make_connection(std::move(far));
  asio::co_spawn(c.get_executor(), serve_pipe(server_, server_side), [](std::exception_ptr) {});
  const relay_options limits{};
  co_await c.relay(*client_side, limits, result.why);
  server_side->cut();
  co_return result;
}

}  // namespace muxpro::proxy
