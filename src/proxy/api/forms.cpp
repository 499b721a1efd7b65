#include "proxy/api/forms.hpp"

#include "proxy/api/transport_forms.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace muxpro::proxy {

namespace {

using ff = field_form;

// --- users

constexpr std::string_view vmess_securities[] = {"",     "",    "auto", "aes-128-gcm", "chacha20-poly1305",
                                                 "none", "zero"};
constexpr message_field vmess_security_fields[] = {
    {1, "security", ff::choice, false, nullptr, vmess_securities}};
constexpr message_form vmess_security{"xray.common.protocol.SecurityConfig", vmess_security_fields};

constexpr std::string_view shadowsocks_ciphers[] = {
    "", "", "", "", "", "aes-128-gcm", "aes-256-gcm", "chacha20-poly1305", "xchacha20-poly1305", "none"};

constexpr message_field vless_account_fields[] = {{1, "id"}, {2, "flow"}, {3, "encryption"}};
constexpr message_field vmess_account_fields[] = {
    {1, "id"}, {3, "", ff::object, false, &vmess_security}, {4, "", ff::ignored}};
constexpr message_field trojan_account_fields[] = {{1, "password"}};
constexpr message_field shadowsocks_account_fields[] = {
    {1, "password"}, {2, "method", ff::choice, false, nullptr, shadowsocks_ciphers}, {3, "", ff::ignored}};
constexpr message_field named_account_fields[] = {{1, "user"}, {2, "pass"}};

constexpr message_form vless_account_form{"xray.proxy.vless.Account", vless_account_fields};
constexpr message_form vmess_account_form{"xray.proxy.vmess.Account", vmess_account_fields};
constexpr message_form trojan_account_form{"xray.proxy.trojan.Account", trojan_account_fields};
constexpr message_form shadowsocks_account_form{"xray.proxy.shadowsocks.Account", shadowsocks_account_fields};
constexpr message_form shadowsocks_2022_account_form{"xray.proxy.shadowsocks_2022.Account",
                                                     trojan_account_fields};
constexpr message_form socks_account_form{"xray.proxy.socks.Account", named_account_fields};
constexpr message_form http_account_form{"xray.proxy.http.Account", named_account_fields};

constexpr std::pair<std::string_view, const message_form*> account_forms[] = {
    {"vless", &vless_account_form},   {"vmess", &vmess_account_form},
    {"trojan", &trojan_account_form}, {"shadowsocks", &shadowsocks_account_form},
    {"socks", &socks_account_form},   {"mixed", &socks_account_form},
    {"http", &http_account_form}};

constexpr message_field user_fields[] = {{1, "level", ff::number}, {2, "email"}, {3, "", ff::typed}};

// --- inbounds

constexpr std::string_view names_of_networks[] = {"", "", "tcp", "udp"};
constexpr message_field fallback_fields[] = {{1, "name"}, {2, "alpn"}, {3, "path"},
                                             {4, "type"}, {5, "dest"}, {6, "xver", ff::number}};
constexpr message_form fallback_form{"Fallback", fallback_fields};

constexpr message_field vless_inbound_fields[] = {{1, "clients", ff::object, true, &user_form},
                                                  {2, "fallbacks", ff::object, true, &fallback_form},
                                                  {3, "decryption"}};
constexpr message_field vmess_inbound_fields[] = {{1, "clients", ff::object, true, &user_form},
                                                  {2, "", ff::ignored}};
constexpr message_field trojan_inbound_fields[] = {{1, "clients", ff::object, true, &user_form},
                                                   {2, "fallbacks", ff::object, true, &fallback_form}};
constexpr message_field shadowsocks_inbound_fields[] = {
    {1, "clients", ff::object, true, &user_form},
    {2, "network", ff::choice, true, nullptr, names_of_networks}};
constexpr message_field shadowsocks_2022_one_fields[] = {
    {1, "method"},
    {2, "password"},
    {3, "email"},
    {4, "level", ff::number},
    {5, "network", ff::choice, true, nullptr, names_of_networks}};
constexpr message_field shadowsocks_2022_many_fields[] = {
    {1, "method"},
    {2, "password"},
    {3, "clients", ff::object, true, &user_form},
    {4, "network", ff::choice, true, nullptr, names_of_networks}};
constexpr std::string_view socks_auths[] = {"noauth", "password"};
constexpr message_field socks_inbound_fields[] = {{1, "auth", ff::choice, false, nullptr, socks_auths},
                                                  {2, "accounts", ff::accounts},
                                                  {3, "ip", ff::address},
                                                  {4, "udp", ff::flag},
                                                  {6, "userLevel", ff::number}};
constexpr message_field http_inbound_fields[] = {
    {2, "accounts", ff::accounts}, {3, "allowTransparent", ff::flag}, {4, "userLevel", ff::number}};
constexpr message_field dokodemo_fields[] = {{1, "address", ff::address},
                                             {2, "port", ff::number},
                                             {5, "followRedirect", ff::flag},
                                             {6, "userLevel", ff::number},
                                             {7, "network", ff::choice, true, nullptr, names_of_networks}};

constexpr message_form vless_inbound{"xray.proxy.vless.inbound.Config", vless_inbound_fields};
constexpr message_form vmess_inbound_messages{"xray.proxy.vmess.inbound.Config", vmess_inbound_fields};
constexpr message_form trojan_inbound{"xray.proxy.trojan.ServerConfig", trojan_inbound_fields};
constexpr message_form shadowsocks_inbound_message{"xray.proxy.shadowsocks.ServerConfig",
                                                   shadowsocks_inbound_fields};
constexpr message_form shadowsocks_2022_one{"xray.proxy.shadowsocks_2022.ServerConfig",
                                            shadowsocks_2022_one_fields};
constexpr message_form shadowsocks_2022_many{"xray.proxy.shadowsocks_2022.MultiUserServerConfig",
                                             shadowsocks_2022_many_fields};
constexpr message_form socks_inbound_message{"xray.proxy.socks.ServerConfig", socks_inbound_fields};
constexpr message_form http_inbound_message{"xray.proxy.http.ServerConfig", http_inbound_fields};
constexpr message_form dokodemo_message{"xray.proxy.dokodemo.Config", dokodemo_fields};

// --- outbounds

constexpr message_field server_fields[] = {
    {1, "address", ff::address}, {2, "port", ff::number}, {3, "", ff::object, false, &user_form}};
constexpr message_form server_form{"xray.common.protocol.ServerEndpoint", server_fields};
/// Of SOCKS and HTTP, whose users stand in a list.
constexpr message_field proxy_server_fields[] = {
    {1, "address", ff::address}, {2, "port", ff::number}, {3, "users", ff::object, true, &user_form}};
constexpr message_form proxy_server_form{"xray.common.protocol.ServerEndpoint", proxy_server_fields};

constexpr message_field one_server_fields[] = {{1, "", ff::object, false, &server_form}};
constexpr message_field one_proxy_fields[] = {{1, "servers", ff::object, true, &proxy_server_form}};
constexpr message_field shadowsocks_2022_client_fields[] = {
    {1, "address", ff::address}, {2, "port", ff::number}, {3, "method"}, {4, "password"}};
constexpr message_field freedom_fields[] = {
    {1, "domainStrategy", ff::choice, false, nullptr, address_strategies},
    {4, "userLevel", ff::number},
    {6, "proxyProtocol", ff::number}};
constexpr message_field blackhole_fields[] = {{1, "response", ff::typed}};

constexpr message_form vless_outbound{"xray.proxy.vless.outbound.Config", one_server_fields};
constexpr message_form vmess_outbound{"xray.proxy.vmess.outbound.Config", one_server_fields};
constexpr message_form trojan_outbound{"xray.proxy.trojan.ClientConfig", one_server_fields};
constexpr message_form shadowsocks_outbound{"xray.proxy.shadowsocks.ClientConfig", one_server_fields};
constexpr message_form shadowsocks_2022_outbound{"xray.proxy.shadowsocks_2022.ClientConfig",
                                                 shadowsocks_2022_client_fields};
constexpr message_form socks_outbound_message{"xray.proxy.socks.ClientConfig", one_proxy_fields};
constexpr message_form http_outbound_message{"xray.proxy.http.ClientConfig", one_proxy_fields};
constexpr message_form freedom_message{"xray.proxy.freedom.Config", freedom_fields};
constexpr message_form blackhole_message{"xray.proxy.blackhole.Config", blackhole_fields};
constexpr message_form no_response{"xray.proxy.blackhole.NoneResponse", {}};
constexpr message_form http_response{"xray.proxy.blackhole.HTTPResponse", {}};

// --- rules

constexpr message_field rule_fields[] = {{1, "outboundTag"},
                                         {12, "balancerTag"},
                                         {19, "ruleTag"},
                                         {2, "domain", ff::name_rule, true},
                                         {10, "ip", ff::blocks, true},
                                         {14, "port", ff::ports},
                                         {13, "network", ff::choice, true, nullptr, names_of_networks},
                                         {11, "source", ff::blocks, true},
                                         {16, "sourcePort", ff::ports},
                                         {7, "user", ff::text, true},
                                         {8, "inboundTag", ff::text, true},
                                         {9, "protocol", ff::text, true},
                                         {15, "attrs", ff::pairs},
                                         {17, "localIP", ff::blocks, true},
                                         {18, "localPort", ff::ports},
                                         {20, "vlessRoute", ff::ports},
                                         {21, "process", ff::text, true}};
constexpr message_form rule_form{"xray.app.router.RoutingRule", rule_fields};

constexpr message_field weight_fields[] = {{1, "regexp", ff::flag}, {2, "match"}, {3, "value", ff::real}};
constexpr message_form weight_form{"xray.app.router.StrategyWeight", weight_fields};
constexpr message_field least_load_fields[] = {{2, "costs", ff::object, true, &weight_form},
                                               {3, "baselines", ff::time, true},
                                               {4, "expected", ff::number},
                                               {5, "maxRTT", ff::time},
                                               {6, "tolerance", ff::real}};
constexpr message_form least_load_form{"xray.app.router.StrategyLeastLoadConfig", least_load_fields};
// "type" and "settings" belong to "strategy".
constexpr message_field balancer_fields[] = {
    {1, "tag"}, {2, "selector", ff::text, true}, {3, "type"}, {4, "", ff::typed}, {5, "fallbackTag"}};
constexpr message_form balancer_form{"xray.app.router.BalancingRule", balancer_fields};
constexpr message_field routing_fields[] = {{1, "", ff::ignored},
                                            {2, "rules", ff::object, true, &rule_form},
                                            {3, "balancers", ff::object, true, &balancer_form}};

// --- the whole

constexpr message_field inbound_fields[] = {{1, "tag"}, {2, "", ff::typed}, {3, "", ff::typed}};
constexpr message_field outbound_fields[] = {
    {1, "tag"}, {2, "", ff::typed}, {3, "", ff::typed}, {4, "", ff::ignored}, {5, "", ff::ignored}};

constexpr typed_message typed_messages[] = {{&vless_account_form},
                                            {&vmess_account_form},
                                            {&trojan_account_form},
                                            {&shadowsocks_account_form},
                                            {&shadowsocks_2022_account_form},
                                            {&socks_account_form},
                                            {&http_account_form},
                                            settings_of(vless_inbound, "vless"),
                                            settings_of(vmess_inbound_messages, "vmess"),
                                            settings_of(trojan_inbound, "trojan"),
                                            settings_of(shadowsocks_inbound_message, "shadowsocks"),
                                            settings_of(shadowsocks_2022_one, "shadowsocks"),
                                            settings_of(shadowsocks_2022_many, "shadowsocks"),
                                            settings_of(socks_inbound_message, "socks"),
                                            settings_of(http_inbound_message, "http"),
                                            settings_of(dokodemo_message, "dokodemo-door"),
                                            settings_of(vless_outbound, "vless"),
                                            settings_of(vmess_outbound, "vmess"),
                                            settings_of(trojan_outbound, "trojan"),
                                            settings_of(shadowsocks_outbound, "shadowsocks"),
                                            settings_of(shadowsocks_2022_outbound, "shadowsocks"),
                                            settings_of(socks_outbound_message, "socks"),
                                            settings_of(http_outbound_message, "http"),
                                            settings_of(freedom_message, "freedom"),
                                            settings_of(blackhole_message, "blackhole"),
                                            {&least_load_form, "settings"},
                                            {&no_response, "", "type", "none"},
                                            {&http_response, "", "type", "http"}};

}  // namespace

const message_form user_form{"xray.common.protocol.User", user_fields};
const message_form inbound_form{"xray.core.InboundHandlerConfig", inbound_fields};
const message_form outbound_form{"xray.core.OutboundHandlerConfig", outbound_fields};
const message_form routing_form{"xray.app.router.Config", routing_fields};

const typed_message* find_typed_message(std::string_view type) {
  const auto is_it = [&](const typed_message& t) { return t.form->name == type; };
  const std::span<const typed_message> tables[] = {typed_messages, transport_messages()};
  for (const auto& all : tables)
    if (const auto found = std::find_if(all.begin(), all.end(), is_it); found != all.end()) return &*found;
  return nullptr;
}

const message_form* account_of(std::string_view protocol, bool of_2022) {
  if (of_2022) return &shadowsocks_2022_account_form;
  for (const auto& [name, form] : account_forms)
    if (name == protocol) return form;
  return nullptr;
}

}  // namespace muxpro::proxy
