// XHTTP whose requests have other forms than the usual ones, between a client and a server on loopback.
#include "behind_layer.hpp"

#include "proxy/transport/xhttp.hpp"

#include <memory>
#include <string>
#include <utility>

namespace xhttp_forms_meeting {

using namespace behind_layer_test;
using label = xhttp_label::place;
using data_place = xhttp_data_place;

namespace {

xhttp_options usual_form(xhttp_mode m = xhttp_mode::packet_up) {
  xhttp_options o;
  set_xhttp_path(o, "/up");
  o.mode = m;
  o.host = "server.example";
  o.post_interval_ms = {0, 0};
  return o;
}

xhttp_options labels_in(label session, label number, xhttp_mode m = xhttp_mode::packet_up) {
  xhttp_options o = usual_form(m);
  o.session = {session, session == label::header ? "X-Session" : "x_session"};
  o.number = {number, number == label::header ? "X-Seq" : "x_seq"};
  return o;
}

xhttp_options data_in(data_place where, const char* method = "POST") {
  xhttp_options o = usual_form();
  o.data_place = where;
  o.data_key = where == data_place::cookie ? "x_data" : "X-Data";
  o.method = method;
  return o;
}

xhttp_options padding_in(xhttp_padding_form::place where, bool tokenish, xhttp_mode m) {
  xhttp_options o = usual_form(m);
  o.padding_form.chosen = true;
  o.padding_form.where = where;
  o.padding_form.tokenish = tokenish;
  return o;
}

std::shared_ptr<const transport> layer(xhttp_options o, bool http2 = false) {
  xhttp_connection_options connections;
  connections.http2 = http2;
  return std::make_shared<const xhttp_transport>(std::move(o), std::move(connections));
}

void talk_by_both(const xhttp_options& o) {
  const protocol p = of_vless();
  for (const bool http2 : {false, true}) {
    INFO((http2 ? "by HTTP/2" : "by HTTP/1.1"));
    behind_layer(p.made(), layer(o)).run([&](behind_layer& x) { return talks(x, p, layer(o, http2)); });
  }
}

/// What a client gets: "!" where the server does not serve it.
awaitable<> gets_nothing(behind_layer& x, protocol p, std::shared_ptr<const transport> over) {
  const auto way = x.way(std::move(over));
  std::error_code ec;
  const auto c = co_await way->dial(ec);
  REQUIRE_FALSE(ec);
  co_await say_head(*c, p.head(x.to_echo()) + "hello");
  const std::string heard = co_await hear(*c, p.response_text.size() + 5);
  CHECK((heard == "!" || heard == "|"));
}

void refuse_by_both(const xhttp_options& server, const xhttp_options& client) {
  const protocol p = of_vless();
  for (const bool http2 : {false, true}) {
    INFO((http2 ? "by HTTP/2" : "by HTTP/1.1"));
    behind_layer(p.made(), layer(server)).run([&](behind_layer& x) {
      return gets_nothing(x, p, layer(client, http2));
    });
  }
}

}  // namespace

TEST_CASE("xhttp: the session and the number in each place", "[proxy][xhttp]") {
  for (const label session : {label::path, label::query, label::header, label::cookie})
    for (const label number : {label::path, label::query, label::header, label::cookie}) {
      INFO(static_cast<int>(session) << " " << static_cast<int>(number));
      talk_by_both(labels_in(session, number));
    }
}

TEST_CASE("xhttp: the session in each place, where the upload is one request", "[proxy][xhttp]") {
  for (const label session : {label::query, label::header, label::cookie})
    talk_by_both(labels_in(session, label::path, xhttp_mode::stream_up));
}

TEST_CASE("xhttp: parts of an upload in fields and in cookies", "[proxy][xhttp]") {
  for (const data_place where : {data_place::body, data_place::header, data_place::cookie})
    for (const char* method : {"POST", "PUT", "GET"}) {
      INFO(static_cast<int>(where) << " " << method);
      talk_by_both(data_in(where, method));
    }
}

TEST_CASE("xhttp: a server that takes parts anywhere", "[proxy][xhttp]") {
  const protocol p = of_vless();
  for (const data_place where : {data_place::header, data_place::cookie}) {
    xhttp_options client = data_in(where);
    client.data_key = "X-Data";
    behind_layer(p.made(), layer(usual_form(xhttp_mode::automatic))).run([&](behind_layer& x) {
      return talks(x, p, layer(client));
    });
  }
}

TEST_CASE("xhttp: padding in each place", "[proxy][xhttp]") {
  using place = xhttp_padding_form::place;
  for (const place where : {place::query_in_header, place::query, place::header, place::cookie})
    for (const bool tokenish : {false, true})
      for (const xhttp_mode m : {xhttp_mode::packet_up, xhttp_mode::stream_up, xhttp_mode::stream_one}) {
        INFO(static_cast<int>(where) << " " << tokenish << " " << static_cast<int>(m));
        talk_by_both(padding_in(where, tokenish, m));
      }
}

TEST_CASE("xhttp: a client whose forms are others than the server's is not served", "[proxy][xhttp]") {
  const auto usual = usual_form();
  for (const label where : {label::query, label::header, label::cookie}) {
    refuse_by_both(labels_in(where, label::path), usual);
    refuse_by_both(usual, labels_in(where, label::path));
  }
  const auto padded = padding_in(xhttp_padding_form::place::cookie, true, xhttp_mode::packet_up);
  refuse_by_both(padded, usual);
  refuse_by_both(usual, padded);
  for (const data_place where : {data_place::header, data_place::cookie})
    refuse_by_both(data_in(where), usual);
}

}  // namespace xhttp_forms_meeting
