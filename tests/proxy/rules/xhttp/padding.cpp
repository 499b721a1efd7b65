// The padding of XHTTP's requests and answers.
#include "xhttp_requests.hpp"

#include <string>

namespace xhttp_test {

TEST_CASE("xhttp: padding of a chosen form, as Xray has it", "[proxy][xhttp]") {
  using place = xhttp_padding_form::place;
  xhttp_options o = at("/up");
  o.padding_form.chosen = true;
  const auto request = [&o] {
    xhttp_question q;
    q.session = "s";
    q.what = purpose::download;
    q.secure = true;
    q.padding = 150;
    return xhttp_request(q, o);
  };
  const std::string x(150, 'X');
  CHECK(*field(request().fields, "x-padding") == "https://server.example/up/?x_padding=" + x);
  CHECK(*field(xhttp_answer(request(), purpose::download, o, 3), "x-padding") == "?x_padding=XXX");
  o.padding_form.where = place::header;
  CHECK(*field(request().fields, "x-padding") == x);
  CHECK(*field(xhttp_answer(request(), purpose::download, o, 3), "x-padding") == "XXX");
  o.padding_form.where = place::cookie;
  CHECK(*field(request().fields, "cookie") == "x_padding=" + x);
  CHECK(*field(xhttp_answer(request(), purpose::download, o, 3), "set-cookie") == "x_padding=XXX; Path=/");
  CHECK(*field(xhttp_answer(request(), purpose::download, o, 3), "access-control-allow-credentials") ==
        "true");
  o.padding_form.where = place::query;
  CHECK(request().path == "/up/s?x_padding=" + x);
  for (const place where : {place::query_in_header, place::query, place::header, place::cookie}) {
    for (const bool tokenish : {false, true}) {
      o.padding_form.where = where;
      o.padding_form.tokenish = tokenish;
      CHECK(judge_xhttp(request(), o).what == purpose::download);
      o.padding = {200, 300};
      CHECK(judge_xhttp(request(), o).status == 400);
      o.padding = {100, 140};
      CHECK(judge_xhttp(request(), o).status == 400);
      o.padding = {100, 1000};
    }
  }
  CHECK_FALSE(field(request().fields, "referer"));
  // The usual form is not enough then, and the chosen one is none for a server of the usual one.
  CHECK(judge_xhttp(get("/up/s"), o).status == 400);
  CHECK(judge_xhttp(request(), at("/up")).status == 400);
}

TEST_CASE("xhttp: tokenish padding has the size that it takes in HTTP/2", "[proxy][xhttp]") {
  xhttp_padding_form form;
  form.chosen = form.tokenish = true;
  form.where = xhttp_padding_form::place::header;
  http_request r = get("/");
  const auto fits = [&](const std::string& text, std::uint32_t least, std::uint32_t most) {
    r.fields = {{"X-Padding", text}};
    return has_xhttp_padding(r, form, {least, most});
  };
  CHECK(fits(std::string(80, 'a'), 52, 52));  // 80 times 5 bits
  CHECK_FALSE(fits(std::string(80, 'a'), 53, 53));
  CHECK(fits(std::string(80, 'B'), 70, 70));  // 7 bits
  CHECK(fits(std::string(80, 'X'), 80, 80));
  CHECK_FALSE(fits(std::string(80, '!'), 1, 1000));
  CHECK_FALSE(fits("", 0, 1000));
  for (std::uint32_t n = 1; n < 500; n += 7) CHECK(fits(xhttp_padding(form, n), n, n));
}

}  // namespace xhttp_test
