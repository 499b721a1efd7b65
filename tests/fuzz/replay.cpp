// Runs every file of the corporathrough its target: what
// fuzzing has found stays found in the ordinary test run, without libFuzzer.
#include "catch.hpp"

#include <muxpro/codec.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace muxpro_fuzz {

void fuzz_decoder(muxpro::const_bytes);
void fuzz_session_as_server(muxpro::const_bytes);
void fuzz_session_as_client(muxpro::const_bytes);
void fuzz_mux_cool_as_server(muxpro::const_bytes);
void fuzz_mux_cool_as_client(muxpro::const_bytes);
void fuzz_session_pair(muxpro::const_bytes);
void fuzz_udp_prefix(muxpro::const_bytes);
void fuzz_reality(muxpro::const_bytes);
void fuzz_vision(muxpro::const_bytes);
void fuzz_vless(muxpro::const_bytes);
void fuzz_link(muxpro::const_bytes);
void fuzz_vmess(muxpro::const_bytes);
void fuzz_nat_table(muxpro::const_bytes);
void fuzz_socks(muxpro::const_bytes);
void fuzz_shadowsocks(muxpro::const_bytes);
void fuzz_trojan(muxpro::const_bytes);
void fuzz_websocket(muxpro::const_bytes);
void fuzz_proxy_header(muxpro::const_bytes);
void fuzz_http_request(muxpro::const_bytes);
void fuzz_http_response(muxpro::const_bytes);
void fuzz_sniffers(muxpro::const_bytes);
void fuzz_fake_dns(muxpro::const_bytes);
void fuzz_dns_reply(muxpro::const_bytes);
void fuzz_router(muxpro::const_bytes);
void fuzz_config(muxpro::const_bytes);
void fuzz_tls_stream(muxpro::const_bytes);
void fuzz_grpc(muxpro::const_bytes);
void fuzz_api(muxpro::const_bytes);
void fuzz_http2(muxpro::const_bytes);
void fuzz_xhttp(muxpro::const_bytes);

}  // namespace muxpro_fuzz

namespace {

void replay(const char* name, void (*target)(muxpro::const_bytes)) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(MUXPRO_FUZZ_CORPORA) / name))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  REQUIRE_FALSE(files.empty());
  for (const auto& file : files) {
    // A target that fails ends the program: the last name in the log is the culprit's.
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    std::ifstream in(file, std::ios::binary);
    const std::string data{std::istreambuf_iterator<char>(in), {}};
    target(std::as_bytes(std::span(data)));
  }
  target({});
}

}  // namespace

TEST_CASE("corpus of decoder", "[fuzz]") { replay("decoder", muxpro_fuzz::fuzz_decoder); }
TEST_CASE("corpus of session_as_server", "[fuzz]") {
  replay("session_as_server", muxpro_fuzz::fuzz_session_as_server);
}
TEST_CASE("corpus of session_as_client", "[fuzz]") {
  replay("session_as_client", muxpro_fuzz::fuzz_session_as_client);
}
TEST_CASE("corpus of mux_cool_as_server", "[fuzz]") {
  replay("mux_cool_as_server", muxpro_fuzz::fuzz_mux_cool_as_server);
}
TEST_CASE("corpus of mux_cool_as_client", "[fuzz]") {
  replay("mux_cool_as_client", muxpro_fuzz::fuzz_mux_cool_as_client);
}
TEST_CASE("corpus of session_pair", "[fuzz]") { replay("session_pair", muxpro_fuzz::fuzz_session_pair); }
TEST_CASE("corpus of udp_prefix", "[fuzz]") { replay("udp_prefix", muxpro_fuzz::fuzz_udp_prefix); }
TEST_CASE("corpus of nat_table", "[fuzz]") { replay("nat_table", muxpro_fuzz::fuzz_nat_table); }
TEST_CASE("corpus of socks", "[fuzz]") { replay("socks", muxpro_fuzz::fuzz_socks); }
TEST_CASE("corpus of shadowsocks", "[fuzz]") { replay("shadowsocks", muxpro_fuzz::fuzz_shadowsocks); }
TEST_CASE("corpus of trojan", "[fuzz]") { replay("trojan", muxpro_fuzz::fuzz_trojan); }
TEST_CASE("corpus of reality", "[fuzz]") { replay("reality", muxpro_fuzz::fuzz_reality); }
TEST_CASE("corpus of vision", "[fuzz]") { replay("vision", muxpro_fuzz::fuzz_vision); }
TEST_CASE("corpus of websocket", "[fuzz]") { replay("websocket", muxpro_fuzz::fuzz_websocket); }
TEST_CASE("corpus of proxy_header", "[fuzz]") { replay("proxy_header", muxpro_fuzz::fuzz_proxy_header); }
TEST_CASE("corpus of link", "[fuzz]") { replay("link", muxpro_fuzz::fuzz_link); }
TEST_CASE("corpus of vmess", "[fuzz]") { replay("vmess", muxpro_fuzz::fuzz_vmess); }
TEST_CASE("corpus of vless", "[fuzz]") { replay("vless", muxpro_fuzz::fuzz_vless); }
TEST_CASE("corpus of http_request", "[fuzz]") { replay("http_request", muxpro_fuzz::fuzz_http_request); }
TEST_CASE("corpus of http_response", "[fuzz]") { replay("http_response", muxpro_fuzz::fuzz_http_response); }
TEST_CASE("corpus of sniffers", "[fuzz]") { replay("sniffers", muxpro_fuzz::fuzz_sniffers); }
TEST_CASE("corpus of fake_dns", "[fuzz]") { replay("fake_dns", muxpro_fuzz::fuzz_fake_dns); }
TEST_CASE("corpus of dns_reply", "[fuzz]") { replay("dns_reply", muxpro_fuzz::fuzz_dns_reply); }
TEST_CASE("corpus of config", "[fuzz]") { replay("config", muxpro_fuzz::fuzz_config); }
TEST_CASE("corpus of router", "[fuzz]") { replay("router", muxpro_fuzz::fuzz_router); }
TEST_CASE("corpus of tls_stream", "[fuzz]") { replay("tls_stream", muxpro_fuzz::fuzz_tls_stream); }
TEST_CASE("corpus of api", "[fuzz]") { replay("api", muxpro_fuzz::fuzz_api); }
TEST_CASE("corpus of xhttp", "[fuzz]") { replay("xhttp", muxpro_fuzz::fuzz_xhttp); }
TEST_CASE("corpus of grpc", "[fuzz]") { replay("grpc", muxpro_fuzz::fuzz_grpc); }
TEST_CASE("corpus of http2", "[fuzz]") { replay("http2", muxpro_fuzz::fuzz_http2); }
