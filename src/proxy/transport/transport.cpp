#include <muxpro/proxy/transport.hpp>

#include "proxy/engine/built_in.hpp"
#include "proxy/transport/disguise.hpp"

#include <utility>

namespace muxpro::proxy {

namespace {

class stack final : public transport {
 public:
  stack(std::shared_ptr<const transport> lower, std::shared_ptr<const transport> upper)
      : lower_(std::move(lower)), upper_(std::move(upper)) {}

  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code& ec) const override {
    auto between = co_await lower_->open(std::move(below), ec);
    if (ec) co_return nullptr;
    auto c = co_await upper_->open(std::move(between), ec);
    co_return c;
  }
  asio::awaitable<void> accept(std::shared_ptr<connection> below, server serve,
                               std::error_code& ec) const override {
    server serve_between = [this, &serve, &ec](std::shared_ptr<connection> c) {
      if (c->turned_away()) return serve(std::move(c));
      return upper_->accept(std::move(c), serve, ec);
    };
    co_await lower_->accept(std::move(below), std::move(serve_between), ec);
  }
  asio::awaitable<std::shared_ptr<connection>> dial(opener below, std::error_code& ec) const override {
    opener dial_below = [lower = lower_, below = std::move(below)](std::error_code& why) {
      return lower->dial(below, why);
    };
    auto c = co_await upper_->dial(std::move(dial_below), ec);
    co_return c;
  }
  bool serves_silent_clients() const noexcept override {
    return lower_->serves_silent_clients() || upper_->serves_silent_clients();
  }
  bool takes_mux_cool_streams() const noexcept override {
    return lower_->takes_mux_cool_streams() && upper_->takes_mux_cool_streams();
  }
  void drain() const override {
    lower_->drain();
    upper_->drain();
  }
  void reload() const override {
    lower_->reload();
    upper_->reload();
  }

 private:
  const std::shared_ptr<const transport> lower_, upper_;
};

transport_factory read_plain(settings& s, role side, const std::string&) {
  transport_factory out;
  if (const auto d = read_disguise(s))
    out.make = [d, side] { return std::make_shared<const disguise_transport>(side, *d); };
  bool accepts = false;
  s.flag({"acceptProxyProtocol", "See sockopt."}, accepts);
  out.accepts_proxy_protocol = accepts && side == role::server;
  return out;
}

}  // namespace

asio::awaitable<void> transport::accept(std::shared_ptr<connection> below, server serve,
                                        std::error_code& ec) const {
  auto c = co_await open(std::move(below), ec);
  if (!ec) co_await serve(std::move(c));
}

asio::awaitable<std::shared_ptr<connection>> transport::dial(opener below, std::error_code& ec) const {
  auto c = co_await below(ec);
  if (ec) co_return nullptr;
  auto upper = co_await open(std::move(c), ec);
  co_return upper;
}

std::shared_ptr<const transport> stacked(std::shared_ptr<const transport> lower,
                                         std::shared_ptr<const transport> upper) {
  if (!lower || !upper) return lower ? std::move(lower) : std::move(upper);
  return std::make_shared<const stack>(std::move(lower), std::move(upper));
}

void add_plain_transports(registry& to) {
  to.carriers.add("tcp", "The bytes of the connection themselves; raw is another name.", read_plain);
  to.carriers.add("unix", "The same, for the socket of a path.", read_plain);
}

}  // namespace muxpro::proxy
