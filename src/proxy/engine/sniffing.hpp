// Sniffing, which finds what a connection carries before its outbound is chosen. Ring 4.
#pragma once

#include "proxy/fake_dns/fake_dns.hpp"

#include <muxpro/proxy/client.hpp>
#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <system_error>

namespace muxpro::proxy {

/// Asks `fakes`, if it is not null, and the first bytes if the context's policy wants them. They are read
/// into c.early(). If the early bytes do not suffice, the client is answered at once, since it sends no more
/// before. `for_rules` is true if the rules look at the content. `ec` is set if the client has gone.
asio::awaitable<void> sniff_connection(context& ctx, client& c, fake_dns* fakes, bool for_rules,
                                       std::error_code& ec);

/// The same for an inbound that has read a request of HTTP itself. It does not wait for bytes. The context is
/// not sniffed any more.
void apply_http_content(context& ctx, fake_dns* fakes);

/// The same for datagrams. Each one's address is replaced as the policy requires, whatever its content.
/// Answers come from the address that the client has sent to.
asio::awaitable<std::unique_ptr<datagram_stream>> sniff_association(
    context& ctx, std::unique_ptr<datagram_stream> datagrams, std::shared_ptr<fake_dns> fakes, bool for_rules,
    std::error_code& ec);

}  // namespace muxpro::proxy
