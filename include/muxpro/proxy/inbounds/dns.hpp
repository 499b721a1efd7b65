// Queries that a dns_outbound answers, by UDP and TCP. Ring 4.
#pragma once

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/relay_options.hpp>

#include <memory>
#include <string>

namespace muxpro::proxy {

struct dns_inbound_options {
  /// The tag of the outbound that answers, whatever the rules say.
  std::string outbound = "fakedns";
  relay_options relay;
};

class dns_inbound final : public inbound {
 public:
  explicit dns_inbound(dns_inbound_options options) : options_(std::move(options)) {}

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context known, dispatcher& to,
                              admission::ticket place) const override;
  bool admit_datagrams(context& known) const override;

 private:
  void complete(context& known, network net) const;

  const dns_inbound_options options_;
};

}  // namespace muxpro::proxy
