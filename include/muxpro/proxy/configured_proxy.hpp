// A proxy that is made of a configuration. Ring 4.
#pragma once

#include <muxpro/proxy/config.hpp>
#include <muxpro/proxy/log.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// Opens the files that the transports of `c` read, such as certificates. Adds a mistake to `to` for each
/// transport that cannot be made, with the path of its inbound or outbound.
void check_files(const config& c, config_mistakes& to);

class configured_proxy {
 public:
  /// Reads the files of transports, listens, accepts from start() on. Lists that rules name are looked up in
  /// `geo`. `access` gets the lines about connections. If it is empty, `log` gets them, provided that `c`
  /// lets lines of level info through. Throws std::exception with one sentence that names what is missing.
  configured_proxy(const config& c, geo_files& geo, std::size_t threads, log_sink log, log_sink access = {});
  configured_proxy(const configured_proxy&) = delete;
  configured_proxy& operator=(const configured_proxy&) = delete;
  /// Cuts everything.
  ~configured_proxy();

  struct listening_endpoint {
    std::string tag;
    stream_endpoint at;  ///< with the port that was chosen for port 0
  };
  /// The inbounds in their order, then the status page and the API.
  const std::vector<listening_endpoint>& listening() const noexcept;
  /// What RestartLogger of the API calls, on one of the proxy's threads. Before start().
  void reopen_logs_by(std::function<void()> f);
  void start();
  /// Rules, balancers and accounts become those of `c`, for what comes from now on. What is open stays open.
  /// Returns what else has changed, which needs a restart, as paths. Any thread, one at a time.
  std::vector<std::string> reload(const config& c, geo_files& geo);
  /// Has each transport read its files again, see transport::reload(). Returns a sentence for each transport
  /// that is unchanged because its files cannot be used. Any thread, one at a time.
  std::vector<std::string> reload_files();
  /// Stops accepting, see instance::drain(). Any thread.
  void drain();
  /// Until a drain is over.
  void wait();

 private:
  struct impl;
  const std::unique_ptr<impl> impl_;
};

}  // namespace muxpro::proxy
