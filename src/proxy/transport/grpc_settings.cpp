#include "proxy/transport/grpc_settings.hpp"

#include "proxy/base/text.hpp"
#include "proxy/transport/request_settings.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace muxpro::proxy {

namespace {

// A name of a browser stands for what it sends. The versions are of late 2025. Servers ignore the number.
std::string agent_of(const std::string& name) {
  const std::string mozilla = "Mozilla/5.0 (Windows NT 10.0; Win64; x64";
  const std::string chrome =
      mozilla + ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
  if (name.empty() || same_word(name, "chrome")) return chrome;
  if (same_word(name, "edge")) return chrome + " Edg/142.0.0.0";
  if (same_word(name, "firefox")) return mozilla + "; rv:145.0) Gecko/20100101 Firefox/145.0";
  if (same_word(name, "golang")) return "grpc-go/1.77.0";
  return name;
}

// Xray writes these keys like this, and its server ignores those of the client.
void read_pings(settings& s, http2_options& o) {
  constexpr duration second = std::chrono::seconds(1);
  constexpr double year = 31'536'000;
  s.time({"idle_timeout",
          "A client's: the silence after which the server gets a PING; 0: never. Below 10 it is 10."},
         o.ping_after, second, 0, year);
  if (o.ping_after > duration(0)) o.ping_after = std::max<duration>(o.ping_after, 10 * second);
  s.time({"health_check_timeout", "A client's: how long it waits for the answer; 0: 20."}, o.ping_answer,
         second, 0, year);
  if (o.ping_answer == duration(0)) o.ping_answer = http2_options().ping_answer;
  s.flag({"permit_without_stream", "A client's: whether it sends a PING if there is no stream."},
         o.ping_without_streams);
}

}  // namespace

grpc_options read_grpc_options(settings& s, role side, const std::string& server) {
  grpc_options o;
  std::string service, agent;
  s.text({"serviceName",
          "The name of the service, a part of the path. Behind a slash it is the whole path, whose last part "
          "has the names of both methods on a server: /a/b/one|many."},
         service);
  o.paths = grpc_paths_of(service);
  s.flag({"multiMode", "A client's: whether it calls the method of messages with many parts."}, o.many);
  s.text({"authority",
          "A client's: the name of the server in requests; default: that of TLS, or the server's address."},
         o.authority);
  s.text({"user_agent", "A client's: chrome, firefox, edge, golang or any other text; default: chrome."},
         agent);
  if (!is_request_host(o.authority)) s.wrong("authority", "is not a host name");
  if (!std::all_of(agent.begin(), agent.end(), is_line_char))
    s.wrong("user_agent", "is not a text of one line");
  o.user_agent = agent_of(agent);
  read_pings(s, o.http2);
  std::int32_t window = 0;
  s.number({"initial_windows_size",
            "Bytes that the peer may send on a stream before they are read; default: 1 MiB. Values below "
            "65535 have no effect."},
           window, 0);
  if (window >= 65535) o.http2.stream_window = static_cast<std::uint32_t>(window);
  if (side == role::client && o.authority.empty()) o.authority = default_request_host(server);
  return o;
}

}  // namespace muxpro::proxy
