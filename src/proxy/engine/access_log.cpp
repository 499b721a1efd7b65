#include "proxy/engine/access_log.hpp"

#include <muxpro/error.hpp>
#include "proxy/base/log_text.hpp"
#include "proxy/base/own_query.hpp"

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace muxpro::proxy {

namespace {

std::string port_of(const context::inbound_part& in) {
  return in.source_port ? fmt::format(":{}", in.source_port) : "";
}

bool is_brief(const context& ctx, access_detail d) {
  return d == access_detail::brief && ctx.inbound.main_connection != 0;
}

// A full line begins alike for all connections. A brief one about a sub-stream needs neither its own number
// nor the inbound.
std::string shown_origin(const context& ctx, access_detail d) {
  const context::inbound_part& in = ctx.inbound;
  const std::string stream =
      fmt::format("sub-stream {} of main connection {}", in.sub_stream, in.main_connection);
  if (is_brief(ctx, d)) return fmt::format("{} of {} to", stream, shown_client(in.source, in.user.name));
  const std::string carrier = in.main_connection == 0 ? "" : " " + stream;
  const std::string user = in.user.name.empty() ? "" : " user " + percent_encoded(in.user.name);
  return fmt::format("{} {}{}{} {}{} ->", ctx.id, shown_source(in.source), port_of(in), carrier, in.tag,
                     user);
}

std::string outbound_text(const context& ctx, const connection_result& how, access_detail d) {
  if (is_brief(ctx, d)) return "";
  const std::string stream = how.sub_stream ? fmt::format(" sub-stream {}", how.sub_stream) : "";
  return fmt::format(" via {}{}", ctx.outbound.tag, stream);
}

bool is_odd(const std::error_code& why) {
  if (why.category() == end_category()) return why.value() > static_cast<int>(end_code::rejected);
  return why == errc::target_unreachable || why == errc::target_timeout || why == errc::target_rejected ||
         why == errc::out_of_room;
}

}  // namespace

std::string ended_connection::line(access_detail d) const {
  const std::string content = ctx.content.protocol.empty() ? "" : fmt::format(" ({})", ctx.content.protocol);
  return fmt::format("{} {}{}{}: {} bytes up, {} down, {:.3f} s, {}", shown_origin(ctx, d),
                     ctx.outbound.target, content, outbound_text(ctx, how, d), how.up, how.down,
                     std::chrono::duration<double>(took).count(), how.why ? how.why.message() : "done");
}

void access_log::note(const ended_connection& c) {
  rate_limited_log& to = is_odd(c.how.why) ? odd_ : usual_;
  to.note(log_level::info, c.ctx.inbound.source, [this, &c] { return c.line(detail_); });
}

// "from 192.0.2.1:5000 accepted tcp:example.com:443 [in -> out] email: ann"
void access_log::note_chosen(const context& ctx) {
  usual_.note(log_level::info, ctx.inbound.source, [&ctx] {
    const context::inbound_part& in = ctx.inbound;
    if (is_own_query(in))
      return fmt::format(
          "from DNS accepted {}:{} [{} -> {}]", ctx.outbound.target.net == network::udp ? "udp" : "tcp",
          to_string(host_port(ctx.outbound.target.host, ctx.outbound.target.port)), in.tag, ctx.outbound.tag);
    const std::string source =
        in.source.is_v6() ? fmt::format("[{}]", in.source.to_string()) : in.source.to_string();
    const std::string email = in.user.name.empty() ? "" : " email: " + percent_encoded(in.user.name);
    return fmt::format("from {}:{} accepted {}:{} [{} -> {}]{}", source, in.source_port,
                       ctx.outbound.target.net == network::udp ? "udp" : "tcp",
                       to_string(host_port(ctx.outbound.target.host, ctx.outbound.target.port)), in.tag,
                       ctx.outbound.tag, email);
  });
}

void access_log::report_on(const asio::any_io_executor& executor) {
  usual_.report_on(executor);
  odd_.report_on(executor);
}

void access_log::finish() noexcept {
  usual_.finish();
  odd_.finish();
}

}  // namespace muxpro::proxy
