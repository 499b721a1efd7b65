// The state of one exchange of HTTP between a client and a target, which may not be reached yet.
#pragma once

#include "proxy/engine/kept_links.hpp"
#include "proxy/engine/live_connection.hpp"
#include "proxy/http/body.hpp"
#include "proxy/http/response.hpp"
#include "proxy/inbound/http_answer_reader.hpp"
#include "proxy/inbound/http_exchange.hpp"
#include "proxy/net/idle_timer.hpp"

#include <muxpro/semaphore.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

class http_exchange : public std::enable_shared_from_this<http_exchange> {
 public:
  http_exchange(std::shared_ptr<http_client> client, context ctx, dispatcher& to, http_request request)
      : client_(std::move(client)),
        c_(client_->c),
        input_(*client_->input),
        to_(to),
        ctx_(std::move(ctx)),
        request_(std::move(request)),
        body_(request_.body),
        quiet_(c_->get_executor(), client_->limits.idle, [this] { give_up_target(); }),
        body_ended_(c_->get_executor()) {}

  asio::awaitable<bool> run();
  void give_up_client();
  /// Without it the exchange has no line in the log.
  void note_end(std::error_code why);

 private:
  /// How an answer ended. It has not begun, its end is missing, or all of it has gone to the client.
  enum class ending : std::uint8_t { none, cut, complete, upgraded };

  asio::awaitable<void> route();
  asio::awaitable<void> reach_target();
  asio::awaitable<void> open_link();
  asio::awaitable<std::optional<kept_link>> find_kept();
  asio::awaitable<void> send_head();
  asio::awaitable<ending> ask_target();
  asio::awaitable<ending> bring_answer();
  asio::awaitable<ending> pass_on(http_response r);
  asio::awaitable<ending> pass_body(http_body body, http_client_form form, std::string head);
  asio::awaitable<void> pass_interim(const http_response& r);
  asio::awaitable<void> learn_why_not();
  asio::awaitable<void> leave_target();
  bool keeps_link() const;
  void use(kept_link link);
  asio::awaitable<bool> tunnel_on();
  asio::awaitable<void> relay_on();
  asio::awaitable<bool> refuse();

  void read_client();
  static asio::awaitable<void> bring_body(std::shared_ptr<http_exchange> self);
  asio::awaitable<void> send_body();
  void client_has_ended();
  asio::awaitable<void> stop_body();
  void give_up_target();

  const std::shared_ptr<http_client> client_;
  const std::shared_ptr<connection> c_;
  http_input& input_;
  dispatcher& to_;
  context ctx_;
  const http_request request_;
  const std::shared_ptr<relay_bytes> bytes_ = std::make_shared<relay_bytes>();
  std::unique_ptr<live_connection> counted_;
  std::string key_;          ///< of links that may serve this exchange
  std::error_code outcome_;  ///< for the log

  std::optional<target_link> link_;
  bool used_before_ = false;  ///< it has served another exchange
  bool owner_only_ = false;   ///< no other client's exchange may use it
  bool origin_keeps_ = false;
  std::optional<http_answer_reader> answer_;
  http_body body_;          ///< of the request, as far as it was read
  bool sent_ = false;       ///< all of the request was written to the target
  bool complete_ = false;   ///< the client has got the last bytes of the answer
  bool answering_ = false;  ///< the client has got the first bytes of the answer
  bool closes_ = true;      ///< the client's connection ends behind the answer
  bool reads_client_ = false, client_gone_ = false, finished_ = false;
  std::string refusal_;  ///< what to answer instead, if that is decided
  idle_timer quiet_;
  semaphore body_ended_;
};

}  // namespace muxpro::proxy
