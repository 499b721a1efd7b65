// The configuration of XHTTP.
#include "proxy/base/text.hpp"
#include "proxy/config/known_names.hpp"
#include "proxy/config/range.hpp"
#include "proxy/config/stream.hpp"
#include "proxy/dial/connect_operation.hpp"
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/settings.hpp"
#include "proxy/transport/request_settings.hpp"
#include "proxy/transport/xhttp.hpp"
#include "proxy/transport/xhttp_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Where downloads come from, if that is another place.
struct download_place {
  stream_address at;
  stream_config stream;
};

struct xhttp_reading {
  xhttp_options options;
  xhttp_connection_options connections;
  std::optional<download_place> download;
};

constexpr std::uint32_t xhttp_day = 86'400, most_part = 64 << 20;

void read_xhttp_mode(settings& s, xhttp_options& o) {
  using mode = xhttp_mode;
  s.one_of<mode>({"mode",
                  "How a connection is carried: many requests for the upload and one for the download "
                  "(packet-up), one for each (stream-up), or one for both (stream-one). auto: a server takes "
                  "all, a client chooses packet-up, and over reality stream-one, or stream-up with "
                  "downloadSettings."},
                 o.mode,
                 {{"auto", mode::automatic},
                  {"packet-up", mode::packet_up},
                  {"stream-up", mode::stream_up},
                  {"stream-one", mode::stream_one}});
}

void read_xhttp_place(settings& s, role side, const std::string& server, xhttp_options& o) {
  std::string path;
  s.text({"path",
          "The path of requests; default: /. A server takes paths that begin with it, and a client appends "
          "the session. A query at its end is a client's."},
         path);
  set_xhttp_path(o, path);
  read_request_host(s, side, server, o.host);
}

// Those that requests have anyway.
bool is_own_xhttp_field(std::string_view name) {
  constexpr std::array<std::string_view, 6> own{"host",    "connection",        "content-length",
                                                "referer", "transfer-encoding", "content-type"};
  return std::any_of(own.begin(), own.end(), [name](std::string_view o) { return is_name(name, o); });
}

void read_xhttp_sizes(settings& s, xhttp_options& o) {
  read_range(s,
             {"xPaddingBytes", "Bytes of padding in requests and answers, of which a server wants so many."},
             o.padding, 4096, 1);
  read_range(s, {"scMaxEachPostBytes", "Bytes of a part of an upload in mode packet-up, at most."},
             o.post_bytes, most_part, 1);
  read_range(s, {"scMinPostsIntervalMs", "Of a client: milliseconds between two such parts, at least."},
             o.post_interval_ms, 60'000);
  s.number<std::uint32_t>(
      {"scMaxBufferedPosts", "Of a server: such parts that wait for an earlier one, at most."},
      o.waiting_posts, 1, 1024);
  read_range(s,
             {"scStreamUpServerSecs",
              "Of a server: seconds between two paddings that it sends while an upload lasts."},
             o.server_padding_secs, xhttp_day);
  s.number<std::size_t>({"serverMaxHeaderBytes", "Of a server: bytes of the head of a request, at most."},
                        o.head_bytes, 1024, 65'536);
}

void read_xhttp_xmux(settings& s, xhttp_reading& to) {
  s.object(
      {"xmux",
       "Of a client: limits of its connections by HTTP/2, of which each draws its own; by HTTP/1.1, of "
       "the connections together on which parts of uploads follow each other. Default: maxConnections 3, "
       "hMaxRequestTimes 600-900, hMaxReusableSecs 1800-3000."},
      [&](settings& x) {
        reuse_limits l;
        read_range(x,
                   {"maxConnections", "Connections of each thread that are made before one is used again."},
                   l.connections, 1024);
        read_range(x, {"maxConcurrency", "Proxied connections that one carries at a time."}, l.concurrency,
                   65'535);
        read_range(x, {"cMaxReuseTimes", "Proxied connections that one carries in its life."}, l.uses,
                   1U << 30);
        read_range(x, {"hMaxRequestTimes", "Requests that one takes in its life."}, l.requests, 1U << 30);
        read_range(x, {"hMaxReusableSecs", "Seconds in which one is used again."}, l.seconds,
                   365 * xhttp_day);
        std::int32_t ping = 0;
        x.number<std::int32_t>(
            {"hKeepAlivePeriod", "Seconds of silence after which the server gets a PING; 0: 45; -1: never."},
            ping, -1, xhttp_day);
        if (ping != 0) to.connections.ping_after = std::chrono::seconds(std::max(ping, 0));
        duration spacing(0);
        x.time({"dialSpacing",
                "Least time between two dials by HTTP/2, for servers that limit new connections."},
               spacing, std::chrono::seconds(1), 0, 60);
        if (l.connections.most > 0 && l.concurrency.most > 0)
          x.wrong("maxConnections", "is used together with maxConcurrency; only one of them is allowed");
        if (l != reuse_limits()) to.options.xmux = l;
        to.options.xmux.dial_spacing = spacing;
      });
}

// Without this mistake, downloads would bypass the outbound that was asked for.
void refuse_dialer_proxy(settings& s, const stream_config& download) {
  if (download.next.empty()) return;
  s.mistakes().add(download.next_key, fmt::format("is '{}'; muxpro has no dialerProxy in downloadSettings",
                                                  sanitized(download.next)));
}

void read_xhttp_download(settings& s, role side, xhttp_reading& to) {
  constexpr const char* key = "downloadSettings";
  if (side == role::server) return s.pass_over(key, "has no effect on a server");
  if (s.describing())
    return s.describe(
        {key,
         "Of a client: where downloads come from, as streamSettings with network xhttp, address "
         "and port, without sockopt.dialerProxy; default: from the server."},
        "an object");
  s.object(key, [&](settings& d) {
    std::string network;
    const stream_address at = read_server(d);
    const std::string host = at.is_unix() ? std::string() : at.at.host.to_string();
    download_place place{at, read_stream_object(d, registry::global(), side, host)};
    d.text("network", network);
    refuse_dialer_proxy(d, place.stream);
    if (place.stream.resolves_server)
      d.note("sockopt", "has a domainStrategy; the system resolves the name here, and dns does not");
    if (usual_name(network) == "xhttp")
      to.download = std::move(place);
    else
      d.wrong("network", fmt::format("is '{}'; it must be xhttp", sanitized(network)));
    if (to.options.mode == xhttp_mode::stream_one)
      s.wrong(key, "is not allowed in mode stream-one, which has no separate download");
  });
}

void read_xhttp_rest(settings& s, role side, xhttp_reading& to) {
  s.each({"headers", "Of a client: further fields of its requests."},
         [&](const std::string& name, const setting& value, std::string) {
           auto field = read_request_field(s, name, value, is_own_xhttp_field);
           if (field) to.options.fields.push_back(std::move(*field));
         });
  bool no_grpc = false, no_events = false;
  s.flag({"noGRPCHeader", "Of a client: whether uploads do not claim to be gRPC's."}, no_grpc);
  s.flag({"noSSEHeader", "Of a server: whether downloads do not claim to be events."}, no_events);
  to.options.grpc_type = !no_grpc;
  to.options.event_stream = !no_events;
  read_xhttp_sizes(s, to.options);
  read_xhttp_xmux(s, to);
  read_xhttp_download(s, side, to);
  read_xhttp_forms(s, to.options);
}

/// As in Xray, "extra" has all keys but host, path and mode, and takes the place of those beside it.
void read_xhttp_extra(settings& s, role side, xhttp_reading& to) {
  const setting_key key{"extra", "All other keys, in place of those beside it, as share links have them."};
  if (s.describing()) {
    s.describe(key, "an object");
    return read_xhttp_rest(s, side, to);
  }
  xhttp_reading beside = to;
  read_xhttp_rest(s, side, s.has("extra") ? beside : to);
  s.object(key, [&](settings& x) {
    for (const char* own : {"host", "path", "mode"})
      x.pass_over(own, "has no effect: the key beside extra is used");
    read_xhttp_rest(x, side, to);
  });
}

std::string put_xhttp_on(xhttp_connection_options& w, const std::string& security,
                         const std::vector<std::string>& alpn) {
  const bool one = alpn.size() == 1;
  if (one && alpn[0] == "h3") return "is xhttp, and alpn is h3: muxpro has no HTTP/3";
  w.secure = !security.empty();
  w.reality = security == "reality";
  w.http2 = w.secure && !(one && alpn[0] == "http/1.1");
  return {};
}

dial_options dialing_of(const stream_config& s) {
  dial_options out;
  out.family = s.family;
  if (s.race) out.stagger = s.race->stagger;
  if (s.race) out.order = s.race->order;
  return out;
}

std::shared_ptr<const xhttp_transport> make_xhttp(const xhttp_reading& r) {
  xhttp_connection_options connections = r.connections;
  if (r.download) {
    const stream_config& s = r.download->stream;
    const auto made = [](const transport_factory& p) { return p.make ? p.make() : nullptr; };
    transport_options use(made(s.security));
    use.socket = s.socket;
    connections.download_from =
        std::make_shared<transport_dialer>(r.download->at, std::move(use), dialing_of(s));
    connections.download_by = std::dynamic_pointer_cast<const xhttp_transport>(made(s.carrier));
  }
  return std::make_shared<const xhttp_transport>(r.options, std::move(connections));
}

transport_factory read_xhttp(settings& s, role side, const std::string& server) {
  const auto r = std::make_shared<xhttp_reading>();
  read_xhttp_mode(s, r->options);
  read_xhttp_place(s, side, server, r->options);
  read_xhttp_extra(s, side, *r);
  if (side == role::server) r->connections.ping_after = duration(0);
  transport_factory out([r] { return make_xhttp(*r); });
  out.alpn = {"h2"};
  out.takes_mux_cool_streams = false;
  out.trust = [r](std::vector<std::string> fields) { r->options.trusted = std::move(fields); };
  if (r->download) out.share_socket = [r](const socket_options& o) { r->download->stream.socket = o; };
  out.stand_on = [r](const std::string& security, const std::vector<std::string>& alpn) {
    return put_xhttp_on(r->connections, security, alpn);
  };
  return out;
}

}  // namespace

void add_xhttp(registry& to) {
  to.carriers.add("xhttp",
                  "XHTTP: each connection is one request of HTTP/1.1 or HTTP/2, or several; splithttp is "
                  "another name.",
                  read_xhttp);
}

}  // namespace muxpro::proxy
