// What a connection carries, learnt before its outbound is chosen. Ring 4.
#pragma once

#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/proxy/fake_dns.hpp>
#include <muxpro/proxy/link.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <system_error>

namespace muxpro::proxy {

/// Asks `fakes`, if there are any, and the first bytes, which become link.first_data, if the context's policy
/// wants them: then the client is told at once that its target is there, since it says nothing before. `ec`:
/// the client has gone.
asio::awaitable<void> learn_content(context& c, outbound_link& link, fake_dns* fakes, std::error_code& ec);

/// The same for datagrams, of which nothing is told. Each one's address is replaced as the policy wants it,
/// whatever its content; answers come from where the client has sent to.
asio::awaitable<std::unique_ptr<datagram_stream>> learn_content(context& c,
                                                                std::unique_ptr<datagram_stream> datagrams,
                                                                std::shared_ptr<fake_dns> fakes,
                                                                std::error_code& ec);

}  // namespace muxpro::proxy
