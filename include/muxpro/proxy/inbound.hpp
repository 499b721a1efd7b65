// The first stage: it learns from a client where its connection goes. Ring 4.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/proxy/admission.hpp>
#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/dispatcher.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Shared by all threads and not changed while it serves. Derive from it for a protocol of your own.
class inbound {
 public:
  virtual ~inbound() = default;
  /// Serves `c` from its first byte to its end, on its strand. `known` has the inbound's tag, source and
  /// gateway; `place` is to be released when the client has said what it wants. What it throws ends this
  /// connection alone, which is closed without a word. Nobody cancels it: c->cut() ends what it waits for.
  virtual asio::awaitable<void> serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                                      admission::ticket place) const = 0;
  /// Where datagrams go whose source and gateway are in `known`: completes it. False: nowhere, they are
  /// dropped. What it throws costs the one datagram that it was asked about.
  virtual bool admit_datagrams(context& known) const;
  /// Whether its connections are few and last: then each goes to the thread that has the fewest. Short ones
  /// that follow each other are better off on one thread, which need not be woken.
  virtual bool lasting() const noexcept { return false; }
};

/// A client that has not said yet what it wants. It is cut if that takes longer than `limit`.
class newcomer {
 public:
  newcomer(std::shared_ptr<connection> from, context&& about, admission::ticket place, duration limit)
      : c(std::move(from)),
        known(std::move(about)),
        place_(std::move(place)),
        deadline_(std::in_place, c, limit) {}

  /// What it has said, less what was consumed.
  const_bytes said() const noexcept { return said_; }
  void consume(std::size_t n) { said_.erase(said_.begin(), said_.begin() + static_cast<std::ptrdiff_t>(n)); }
  /// Takes what is there already, at most `most` bytes in all. True: said() has grown. False: nothing has
  /// come, the client has ended, or `most` is reached; listen() tells which.
  bool hear_now(std::size_t most);
  /// Waits for more. Errors: asio::error::message_size if there are `most` bytes already, else those of
  /// connection::read_some(); operation_aborted when its time is over.
  asio::awaitable<void> listen(std::size_t most, std::error_code& ec);
  /// It has said what it wants. Returns what else it has said.
  std::vector<std::byte> settle() {
    place_.release();
    deadline_.reset();
    return std::move(said_);
  }

  std::shared_ptr<connection> c;
  context known;

 private:
  /// Room for more, behind what was said.
  bytes room(std::size_t most);

  admission::ticket place_;
  std::optional<deadline> deadline_;
  std::vector<std::byte> said_;
};

/// How long a client may take to hear that it is refused.
inline constexpr duration farewell_limit = std::chrono::seconds(2);
/// Writes the last words and closes so that they arrive: a socket that is closed with bytes unread takes them
/// back. Hence what the client still says is read and dropped, until it ends or farewell_limit is over.
asio::awaitable<void> say_farewell(std::shared_ptr<connection> c, const_bytes last_words);

}  // namespace muxpro::proxy
