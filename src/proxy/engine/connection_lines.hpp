// connection_lines, the lines of a log about connections, in muxpro's form or Xray's. Ring 4.
#pragma once

#include "proxy/config/config.hpp"
#include "proxy/engine/access_log.hpp"

#include <asio/any_io_executor.hpp>

#include <functional>
#include <memory>

namespace muxpro::proxy {

/// A line of muxpro's form is about the end of a connection. One of Xray's form comes when the outbound has
/// been chosen, so that a failure of the outbound has a line of its own at level info. Thread-safe.
class connection_lines {
 public:
  /// `access` is the file of the access log. Without it the lines go to `log`.
  connection_lines(const log_config& c, const log_sink& log, const log_sink& access);

  std::function<void(const ended_connection&)> at_end() const;
  /// Null if there is no line then.
  std::function<void(const context&)> at_choice() const;
  /// As rate_limited_log::report_on().
  void report_on(const asio::any_io_executor& executor) const;
  /// As rate_limited_log::finish().
  void finish() const noexcept;

 private:
  const bool dns_, as_xray_;
  const std::shared_ptr<access_log> access_, failures_;  ///< null without lines
};

}  // namespace muxpro::proxy
