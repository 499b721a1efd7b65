#include "proxy/engine/connection_lines.hpp"

#include "proxy/base/own_query.hpp"

#include <asio/error.hpp>

namespace muxpro::proxy {

namespace {

std::shared_ptr<access_log> access_of(const log_config& c, const log_sink& log, const log_sink& access) {
  const bool by_log = !access, logged = c.level && (c.as_xray || *c.level <= log_level::info);
  if (!c.access || (by_log && !logged)) return nullptr;
  return std::make_shared<access_log>(by_log ? log : access, c.access_lines, c.detail);
}

std::shared_ptr<access_log> failures_of(const log_config& c, const log_sink& log) {
  if (!c.as_xray || !c.level || *c.level > log_level::info) return nullptr;
  return std::make_shared<access_log>(log, c.access_lines, c.detail);
}

/// What an outbound carries for another one has no inbound, and the line of its client.
bool has_line(const context& ctx, bool dns) {
  return !ctx.inbound.tag.empty() && (dns || !is_about_names(ctx.inbound));
}

bool has_failed(const connection_result& r) {
  return r.why && r.down == 0 && r.why != asio::error::operation_aborted;
}

}  // namespace

connection_lines::connection_lines(const log_config& c, const log_sink& log, const log_sink& access)
    : dns_(c.dns), as_xray_(c.as_xray), access_(access_of(c, log, access)), failures_(failures_of(c, log)) {}

std::function<void(const ended_connection&)> connection_lines::at_end() const {
  if (failures_)
    return [to = failures_](const ended_connection& e) {
      if (has_failed(e.how) && has_line(e.ctx, true)) to->note(e);
    };
  if (!access_ || as_xray_) return [](const ended_connection&) {};
  return [dns = dns_, to = access_](const ended_connection& e) {
    if (has_line(e.ctx, dns)) to->note(e);
  };
}

std::function<void(const context&)> connection_lines::at_choice() const {
  if (!access_ || !as_xray_) return nullptr;
  return [dns = dns_, to = access_](const context& ctx) {
    if (has_line(ctx, dns)) to->note_chosen(ctx);
  };
}

void connection_lines::report_on(const asio::any_io_executor& executor) const {
  for (const auto& lines : {access_, failures_})
    if (lines) lines->report_on(executor);
}

void connection_lines::finish() const noexcept {
  for (const auto& lines : {access_, failures_})
    if (lines) lines->finish();
}

}  // namespace muxpro::proxy
