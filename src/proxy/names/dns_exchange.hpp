// dns_exchange: the questions about one name to one server, and the server's replies. Ring 4, a rule without
// I/O.
#pragma once

#include "proxy/names/dns_message.hpp"
#include "proxy/names/name_answer.hpp"

#include <muxpro/options.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace muxpro::proxy {

class dns_exchange {
 public:
  /// One for each type.
  explicit dns_exchange(const std::vector<dns_question>& questions);

  /// Messages of the questions that have no reply.
  std::vector<std::vector<std::byte>> open() const;
  /// Returns whether no questions are left.
  bool done() const;
  enum class outcome : std::uint8_t {
    not_mine,  ///< it is no reply to an open question
    taken,
    refused  ///< the server does not read OPT, so the question stays open, now without OPT
  };
  /// If `by_datagram` is true, a truncated reply is ignored. A stream has the whole reply.
  outcome take(const_bytes message, bool by_datagram);
  /// Whether a truncated reply has come. Opens its question for a stream.
  bool turn_to_stream();

  /// What has come by now.
  name_answer answer() const;
  /// Of the addresses.
  duration ttl() const;

 private:
  struct part {
    dns_question question;
    std::optional<dns_reply> reply;
    bool truncated = false;
  };
  std::vector<part> parts_;
};

}  // namespace muxpro::proxy
