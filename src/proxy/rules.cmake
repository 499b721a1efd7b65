# The rules of the proxy: what sees no socket, no executor and no clock. Tests and fuzz targets build them alone.
find_package(OpenSSL REQUIRED)
find_package(Re2 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# The folders of rules. tests/run.sh reads this line, and checks what their files include.
set(muxpro_rule_folders api base config fake_dns http names policy reality routing sniff socks tls trojan vless websocket vmess shadowsocks grpc xhttp)
set(muxpro_rule_sources)
foreach(folder IN LISTS muxpro_rule_folders)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/${folder}/*.cpp)
  list(APPEND muxpro_rule_sources ${sources})
endforeach()
# Files with short names of their own, which others have too.
set(sources config/outbounds.cpp fake_dns/answer.cpp policy/dial_policy.cpp socks/client.cpp)
list(TRANSFORM sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set_source_files_properties(${sources} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

set(muxpro_rule_libraries OpenSSL::Crypto re2::re2)
add_library(muxpro_proxy_rules OBJECT ${muxpro_rule_sources})
target_link_libraries(muxpro_proxy_rules PUBLIC muxpro::muxpro
                      PRIVATE ${muxpro_rule_libraries})
# Private headers are "proxy/FOLDER/NAME.hpp". Tests see them as well.
target_include_directories(muxpro_proxy_rules PUBLIC ${CMAKE_CURRENT_LIST_DIR}/..)
target_include_directories(muxpro_proxy_rules SYSTEM PRIVATE
                           $<TARGET_PROPERTY:nlohmann_json::nlohmann_json,INTERFACE_INCLUDE_DIRECTORIES>)
set_target_properties(muxpro_proxy_rules PROPERTIES UNITY_BUILD "${MUXPRO_UNITY}")
muxpro_own(muxpro_proxy_rules)
muxpro_compiled_for_libraries(muxpro_proxy_rules)
