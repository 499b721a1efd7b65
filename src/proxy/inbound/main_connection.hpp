// main_connection, a main connection of the server role with its session and a coroutine for each sub-stream.
#pragma once

#include "proxy/inbound/mux.hpp"

#include <muxpro/proxy/admission.hpp>
#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/dispatcher.hpp>
#include <muxpro/proxy/report.hpp>
#include <muxpro/relay.hpp>
#include <muxpro/semaphore.hpp>
#include <muxpro/session.hpp>

#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// A sub-stream that is reset when it goes out of scope before done(), because an exception must not look
/// like a clean end to the peer.
class unfinished_stream {
 public:
  explicit unfinished_stream(sub_stream s) noexcept : stream_(std::move(s)) {}
  unfinished_stream(unfinished_stream&& other) noexcept = default;
  unfinished_stream& operator=(unfinished_stream&&) = delete;
  ~unfinished_stream() {
    if (!done_) cut(stream_);
  }
  sub_stream& operator*() noexcept { return stream_; }
  void done() noexcept { done_ = true; }

 private:
  sub_stream stream_;
  bool done_ = false;
};

/// Each sub-stream becomes a connection of the dispatcher. Lives on one thread.
class main_connection : public std::enable_shared_from_this<main_connection> {
 public:
  /// `place` is held until the negotiation is over. `ctx` is what the contexts of all sub-streams have in
  /// common. `to` must outlive run().
  main_connection(session s, admission::ticket place, main_connection_places held,
                  const mux_inbound_options& o, std::shared_ptr<const relay_options> relay, context ctx,
                  dispatcher& to);
  main_connection(const main_connection&) = delete;
  ~main_connection();

  /// Goes from the negotiation to the end, which it logs. Destroys `ended` without a call, or calls it, at
  /// the end.
  void start(std::function<void()> ended);
  /// The same. Completes at the end.
  static asio::awaitable<void> run(std::shared_ptr<main_connection> self);
  /// Accepts no new sub-streams, and closes the session in good order after the last one.
  void drain();
  /// Closes the session at once.
  void close() { session_.close(); }
  const std::string& inbound_tag() const noexcept { return ctx_.inbound.tag; }
  instance_report::accepted describe() const;

 private:
  using stream_connection = connection_over<sub_stream>;
  class stream_client;
  /// One of the dials under way.
  class dial_place {
   public:
    explicit dial_place(semaphore& all) noexcept : all_(&all) {}
    dial_place(dial_place&& other) noexcept : all_(std::exchange(other.all_, nullptr)) {}
    dial_place& operator=(dial_place&&) = delete;
    ~dial_place() {
      if (all_) all_->release();
    }

   private:
    semaphore* all_;
  };

  void negotiated(std::error_code ec);
  void end(std::error_code why);
  void accept_streams();
  void accepted(sub_stream stream);
  static asio::awaitable<void> serve(std::shared_ptr<main_connection> self,
                                     std::shared_ptr<stream_connection> c);
  static asio::awaitable<void> drain_and_close(std::shared_ptr<main_connection> self);
  asio::awaitable<void> carry_bytes(std::shared_ptr<stream_connection> stream, context ctx);
  asio::awaitable<void> carry_datagrams(sub_stream stream, context ctx);
  /// Waits for its turn among the dials. Fails with errc::out_of_room if too many wait already, and with
  /// operation_aborted by `given_up`.
  asio::awaitable<std::optional<dial_place>> wait_for_turn(
      std::shared_ptr<asio::cancellation_signal> given_up, std::error_code& ec);
  /// Waits as mux_inbound_options::new_rate demands.
  asio::awaitable<void> pace();
  context context_of(const sub_stream& stream) const;
  bool takes_datagrams_alone();
  void log_end(std::error_code why) const;

  session session_;
  admission::ticket place_;
  const main_connection_places held_;
  std::function<void()> ended_;
  std::unique_ptr<semaphore> dials_;  ///< from the first sub-stream on
  const std::uint32_t max_dials_, max_waiting_, new_rate_;
  std::uint32_t waiting_ = 0;
  bool refusal_noted_ = false;
  time_point next_dial_{};
  const std::shared_ptr<const relay_options> relay_;
  context ctx_;
  dispatcher& to_;
  const std::shared_ptr<std::list<main_connection*>> all_;
  std::list<main_connection*>::iterator place_in_all_;
};

}  // namespace muxpro::proxy
