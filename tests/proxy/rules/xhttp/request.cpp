// The requests of XHTTP, in both roles.
#include "xhttp_requests.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

namespace xhttp_test {

TEST_CASE("xhttp: a path begins and ends with a slash, and its query is a client's", "[proxy][xhttp]") {
  CHECK(at("").path == "/");
  CHECK(at("up").path == "/up/");
  CHECK(at("/up/down/").path == "/up/down/");
  CHECK(at("/up?a=1&b=2").path == "/up/");
  CHECK(at("/up?a=1&b=2").query == "a=1&b=2");
}

TEST_CASE("xhttp: what a request is for", "[proxy][xhttp]") {
  const xhttp_options o = at("/up");
  CHECK(judge_xhttp(post("/up/"), o).what == purpose::both);
  CHECK(judge_xhttp(get("/up/"), o).what == purpose::both);
  const auto down = judge_xhttp(get("/up/some-session"), o);
  CHECK(down.what == purpose::download);
  CHECK(down.session == "some-session");
  CHECK(judge_xhttp(post("/up/some-session"), o).what == purpose::upload);
  CHECK(judge_xhttp(post("/up/some-session/"), o).what == purpose::upload);
  const auto part = judge_xhttp(post("/up/s/18446744073709551615"), o);
  CHECK(part.what == purpose::post);
  CHECK(part.session == "s");
  CHECK(part.number == 18446744073709551615U);
  CHECK(judge_xhttp(post("/u%70/s/7?a=b"), o).number == 7);
}

TEST_CASE("xhttp: a server refuses other hosts and paths, and what is malformed", "[proxy][xhttp]") {
  const xhttp_options o = at("/up");
  const auto status = [&o](const http_request& r) {
    const auto v = judge_xhttp(r, o);
    CHECK(v.what == purpose::refused);
    return v.status;
  };
  CHECK(status(get("/other/")) == 404);
  CHECK(status(get("/up")) == 404);
  http_request elsewhere = get("/up/");
  elsewhere.fields[0].value = "other.example";
  CHECK(status(elsewhere) == 404);
  CHECK(status(post("/up/s/x")) == 400);
  CHECK(status(post("/up/s/18446744073709551616")) == 400);
  CHECK(status(post("/up/s/-1")) == 400);
  CHECK(status(get("/up/" + std::string(129, 's'))) == 400);
  http_request large = post("/up/s/0");
  large.body = {http_framing::kind::length, 1'000'001};
  CHECK(status(large) == 413);
}

TEST_CASE("xhttp: padding stands in the Referer, or in the query without one", "[proxy][xhttp]") {
  const xhttp_options o = at("/up");
  CHECK(judge_xhttp(get("/up/", 99), o).status == 400);
  CHECK(judge_xhttp(get("/up/", 100), o).status == 200);
  CHECK(judge_xhttp(get("/up/", 1000), o).status == 200);
  CHECK(judge_xhttp(get("/up/", 1001), o).status == 400);
  http_request r = get("/up/");
  r.fields.pop_back();
  CHECK(judge_xhttp(r, o).status == 400);
  r.path += "?a=b&x_padding=" + std::string(500, 'X');
  CHECK(judge_xhttp(r, o).status == 200);
}

TEST_CASE("xhttp: a server of one mode refuses the others", "[proxy][xhttp]") {
  const auto allowed = [](xhttp_mode m) {
    xhttp_options o = at("/up");
    o.mode = m;
    std::string out;
    for (const http_request& r : {post("/up/"), get("/up/s"), post("/up/s"), post("/up/s/0")})
      out += judge_xhttp(r, o).what == purpose::refused ? '-' : 'x';
    return out;
  };
  CHECK(allowed(xhttp_mode::automatic) == "xxxx");
  CHECK(allowed(xhttp_mode::packet_up) == "-x-x");
  CHECK(allowed(xhttp_mode::stream_up) == "xxx-");
  CHECK(allowed(xhttp_mode::stream_one) == "xx--");
}

TEST_CASE("xhttp: a client's requests are what a server takes", "[proxy][xhttp]") {
  xhttp_options o = at("/a b?q=1");
  o.fields = {{"X-More", "1"}};
  for (const purpose p : {purpose::both, purpose::download, purpose::upload, purpose::post}) {
    xhttp_question q;
    q.what = p;
    q.session = p == purpose::both ? "" : "s";
    q.number = p == purpose::post ? "5" : "";
    q.part = std::as_bytes(std::span("abc", 3));
    const http_request r = xhttp_request(q, o);
    const auto v = judge_xhttp(r, o);
    CHECK(v.what == p);
    CHECK(v.session == q.session);
    CHECK(r.path.ends_with("?q=1"));
    CHECK(r.path.starts_with("/a%20b/"));
    CHECK(*field(r.fields, "x-more") == "1");
    CHECK((field(r.fields, "content-type") != nullptr) == (p == purpose::both || p == purpose::upload));
  }
}

TEST_CASE("xhttp: the session and the number stand where both ends look for them", "[proxy][xhttp]") {
  using place = xhttp_label::place;
  constexpr std::array places{place::path, place::query, place::header, place::cookie};
  for (const place of_session : places) {
    for (const place of_number : places) {
      xhttp_options o = at("/up?q=1");
      o.fields = {{"Cookie", "a=b"}};
      o.session = {of_session, of_session == place::header ? "X-Session" : "x_session"};
      o.number = {of_number, of_number == place::header ? "X-Seq" : "x_seq"};
      xhttp_question q;
      q.what = purpose::post;
      q.session = "some-session";
      q.number = "12";
      const http_request r = xhttp_request(q, o);
      const auto v = judge_xhttp(r, o);
      CHECK((v.what == purpose::post && v.session == "some-session" && v.number == 12));
      CHECK((r.path.find("some-session") != std::string::npos) ==
            (of_session == place::path || of_session == place::query));
      const auto cookies = std::count_if(r.fields.begin(), r.fields.end(),
                                         [](const http_field& f) { return f.name == "Cookie"; });
      CHECK(cookies == 1);
      q.what = purpose::download;
      q.number.clear();
      CHECK(judge_xhttp(xhttp_request(q, o), o).what == purpose::download);
      q.what = purpose::upload;
      CHECK(judge_xhttp(xhttp_request(q, o), o).what == purpose::upload);
      q.what = purpose::both;
      q.session.clear();
      CHECK(judge_xhttp(xhttp_request(q, o), o).what == purpose::both);
    }
  }
  xhttp_options o = at("/up");
  o.session = {place::query, "x_session"};
  CHECK(judge_xhttp(post("/up/7?x_session=s"), o).number == 7);
  CHECK(judge_xhttp(post("/up/?x_session=" + std::string(129, 's')), o).status == 400);
  o.number = {place::header, "X-Seq"};
  http_request r = post("/up/?x_session=s");
  r.fields.push_back({"x-seq", "none"});
  CHECK(judge_xhttp(r, o).status == 400);
}

TEST_CASE("xhttp: the modes that a client chooses", "[proxy][xhttp]") {
  using mode = xhttp_mode;
  CHECK(chosen_mode(mode::automatic, false, false) == mode::packet_up);
  CHECK(chosen_mode(mode::automatic, true, false) == mode::stream_one);
  CHECK(chosen_mode(mode::automatic, true, true) == mode::stream_up);
  CHECK(chosen_mode(mode::stream_up, false, false) == mode::stream_up);
}

TEST_CASE("xhttp: the fields of answers", "[proxy][xhttp]") {
  xhttp_options o = at("/up");
  const auto down = xhttp_answer(get("/up/s"), purpose::download, o, 3);
  CHECK(*field(down, "x-padding") == "XXX");
  CHECK(*field(down, "content-type") == "text/event-stream");
  CHECK(*field(down, "cache-control") == "no-store");
  CHECK(*field(down, "access-control-allow-origin") == "*");
  o.event_stream = false;
  CHECK_FALSE(field(xhttp_answer(get("/up/s"), purpose::download, o, 3), "content-type"));
  http_request r = get("/up/s");
  r.method = "OPTIONS";
  r.fields.push_back({"Origin", "https://a.example"});
  CHECK(judge_xhttp(r, o).what == purpose::preflight);
  CHECK(*field(xhttp_answer(r, purpose::preflight, o, 3), "access-control-allow-origin") ==
        "https://a.example");
}

TEST_CASE("xhttp: sessions have names of their own", "[proxy][xhttp]") {
  xhttp_options o;
  const std::string a = new_xhttp_session(o), b = new_xhttp_session(o);
  CHECK(a.size() == 36);
  CHECK(a[14] == '4');
  CHECK(a != b);
  o.session_letters = "abc";
  o.session_length = {20, 30};
  std::string seen;
  for (int i = 0; i < 200; ++i) {
    const std::string name = new_xhttp_session(o);
    CHECK((name.size() >= 20 && name.size() <= 30));
    CHECK(name.find_first_not_of("abc") == name.npos);
    seen += name;
  }
  CHECK(seen.find_first_of('a') != seen.npos);
  CHECK(seen.find_first_of('c') != seen.npos);
}

TEST_CASE("xhttp: a path without a slash at its end, where neither session nor number is in it",
          "[proxy][xhttp]") {
  xhttp_options o = at("/up");
  CHECK(judge_xhttp(get("/up"), o).status == 404);
  o.session = {xhttp_label::place::query, "x_session"};
  CHECK(judge_xhttp(get("/up?x_session=s"), o).status == 404);
  o.number = {xhttp_label::place::header, "X-Seq"};
  CHECK(judge_xhttp(get("/up?x_session=s"), o).session == "s");
  CHECK(judge_xhttp(get("/up/?x_session=s"), o).session == "s");
  CHECK(judge_xhttp(get("/upper?x_session=s"), o).status == 404);
}

TEST_CASE("xhttp: the method of uploads", "[proxy][xhttp]") {
  xhttp_options o = at("/up");
  o.method = "PUT";
  xhttp_question q;
  q.session = "s";
  for (const purpose p : {purpose::upload, purpose::post}) {
    q.what = p;
    q.number = p == purpose::post ? "5" : "";
    const http_request r = xhttp_request(q, o);
    CHECK(r.method == "PUT");
    CHECK(judge_xhttp(r, o).what == p);
  }
  o.method = "GET";
  CHECK(judge_xhttp(xhttp_request(q, o), o).what == purpose::post);
  q.what = purpose::download;
  q.number.clear();
  CHECK(xhttp_request(q, o).method == "GET");
}

}  // namespace xhttp_test
