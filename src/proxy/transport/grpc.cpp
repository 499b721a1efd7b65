#include "proxy/transport/grpc.hpp"

#include "proxy/engine/built_in.hpp"
#include "proxy/grpc/message.hpp"
#include "proxy/transport/grpc_settings.hpp"
#include "proxy/transport/served_connections.hpp"
#include "proxy/websocket/upgrade.hpp"

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

class grpc_body final : public http2_body {
 public:
  const_bytes next(const_bytes& in) noexcept override { return reader_.next(in); }
  bool broken() const noexcept override { return reader_.broken(); }
  bool may_end() const noexcept override { return reader_.between_messages(); }
  std::size_t head_size() const noexcept override { return most_grpc_head; }
  std::size_t write_head(std::span<std::byte, most_head> to, std::size_t payload) noexcept override {
    return write_grpc_head(to.first<most_grpc_head>(), payload);
  }
  http2_head trailers() const override { return {{"grpc-status", "0"}}; }
  std::error_code judge(const http2_head& h) const override {
    if (const std::error_code why = http2_body::judge(h)) return why;
    const std::string_view status = h["grpc-status"];
    if (status.empty() || status == "0") return {};
    return http2_status(http2_errc::grpc_status, http2_number(status));
  }

 private:
  grpc_reader reader_;
};

constexpr std::string_view grpc_type = "application/grpc";

bool is_call(const http2_head& h) noexcept {
  return h[":method"] == "POST" && h["content-type"].starts_with(grpc_type);
}

// As grpc-go answers.
void refuse_call(http2_connection& c, const http2_request& r) {
  if (is_call(r.head))
    c.refuse(r, {{":status", "200"},
                 {"content-type", std::string(grpc_type)},
                 {"grpc-status", "12"},
                 {"grpc-message", "unknown method"}});
  else
    c.refuse(r, {{":status", "415"}});
}

/// The first address of X-Forwarded-For, if the request has a field of `trusted`.
std::optional<asio::ip::address> forwarded_source(const http2_head& head,
                                                  const std::vector<std::string>& trusted) {
  const bool has_one = std::any_of(head.fields().begin(), head.fields().end(), [&](const auto& field) {
    return std::find(trusted.begin(), trusted.end(), field.first) != trusted.end();
  });
  return has_one ? first_forwarded(head["x-forwarded-for"]) : std::nullopt;
}

/// A stream of a server. It inherits what is known of the peer from the connection below.
std::shared_ptr<connection> accept_call(http2_connection& c, const http2_request& r, const connection& below,
                                        const std::vector<std::string>& trusted) {
  std::shared_ptr<connection> made = make_connection(c.accept(
      r, {{":status", "200"}, {"content-type", std::string(grpc_type)}}, std::make_unique<grpc_body>()));
  made->inherit(below);
  if (const auto source = forwarded_source(r.head, trusted))
    made->set_origin(connection::origin{{*source, 0}, {}});
  return made;
}

}  // namespace

asio::awaitable<void> grpc_transport::accept(std::shared_ptr<connection> below, server serve,
                                             std::error_code& ec) const {
  const auto streams = std::make_shared<served_connections>(below->get_executor(), std::move(serve));
  std::optional<bool> served;  ///< whether a call was; without a value no call has come
  auto take = [&](http2_connection& c, http2_request r) {
    const std::string_view path = r.head[":path"];
    const bool has_form = is_call(r.head);
    const bool is_ours = has_form && (path == options_.paths.one || path == options_.paths.many);
    if (has_form) served = served.value_or(false) || is_ours;
    if (is_ours)
      streams->serve(accept_call(c, r, *below, options_.trusted));
    else
      refuse_call(c, r);
  };
  const auto c = std::make_shared<http2_connection>(below, role::server, options_.http2, std::move(take));
  servers_.add(c);
  co_await c->run(ec);
  if (served == false && (!ec || ec == asio::error::eof)) ec = upgrade_errc::wrong_place;
  co_await streams->all_ended();
}

std::unique_ptr<connection> grpc_transport::call(http2_connection& c) const {
  http2_head head{{":method", "POST"},
                  {":scheme", c.is_secure() ? "https" : "http"},
                  {":path", options_.many ? options_.paths.many : options_.paths.one},
                  {":authority", options_.authority},
                  {"content-type", std::string(grpc_type)},
                  {"te", "trailers"}};
  if (!options_.user_agent.empty()) head.add("user-agent", options_.user_agent);
  return make_connection(c.request(head, std::make_unique<grpc_body>()));
}

asio::awaitable<std::shared_ptr<connection>> grpc_transport::dial(opener below, std::error_code& ec) const {
  const auto pool = pools_.of(co_await asio::this_coro::executor);
  const auto use = co_await pool->get(std::move(below), ec);
  const auto c = use ? use->for_request() : nullptr;
  if (!c && !ec) ec = http2_errc::refused_stream;
  if (ec) co_return nullptr;
  co_return call(*c);
}

asio::awaitable<std::shared_ptr<connection>> grpc_transport::open(std::shared_ptr<connection> below,
                                                                  std::error_code&) const {
  co_return call(*start_http2_client(std::move(below), options_.http2));
}

namespace {

transport_factory read_grpc(settings& s, role side, const std::string& server) {
  const auto options = std::make_shared<grpc_options>(read_grpc_options(s, side, server));
  transport_factory factory([options] { return std::make_shared<const grpc_transport>(*options); });
  factory.alpn = {"h2"};
  factory.multiplexes = true;
  factory.trust = [options](std::vector<std::string> fields) { options->trusted = std::move(fields); };
  return factory;
}

}  // namespace

void add_grpc(registry& to) {
  to.carriers.add("grpc", "gRPC: each connection is a call over one HTTP/2 connection; gun is another name.",
                  read_grpc);
}

}  // namespace muxpro::proxy
