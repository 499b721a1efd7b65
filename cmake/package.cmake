# Install rules, and the same package from the build tree (muxpro_DIR=<build>).
include(CMakePackageConfigHelpers)

set(muxpro_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/muxpro)
set(muxpro_core_targets muxpro muxpro_header_only)
set(muxpro_components core)
set(headers PATTERN "proxy" EXCLUDE)
if(MUXPRO_BUILD_PROXY)
  set(muxpro_proxy_targets muxpro_proxy)
  list(APPEND muxpro_components proxy)
  set(headers)
endif()

foreach(component IN LISTS muxpro_components)
  install(TARGETS ${muxpro_${component}_targets} EXPORT muxpro-${component}-targets)
  install(EXPORT muxpro-${component}-targets NAMESPACE muxpro:: DESTINATION ${muxpro_package_dir})
  export(EXPORT muxpro-${component}-targets NAMESPACE muxpro::
         FILE ${PROJECT_BINARY_DIR}/muxpro-${component}-targets.cmake)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.ipp" ${headers})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/muxpro-config.cmake.in ${PROJECT_BINARY_DIR}/muxpro-config.cmake
  INSTALL_DESTINATION ${muxpro_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/muxpro-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
foreach(name IN ITEMS FindAsio.cmake FindCares.cmake FindNghttp2.cmake FindRe2.cmake)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${name} ${PROJECT_BINARY_DIR}/${name} COPYONLY)
endforeach()

install(FILES ${PROJECT_BINARY_DIR}/muxpro-config.cmake
              ${PROJECT_BINARY_DIR}/muxpro-config-version.cmake
              ${PROJECT_BINARY_DIR}/FindAsio.cmake
              ${PROJECT_BINARY_DIR}/FindCares.cmake
              ${PROJECT_BINARY_DIR}/FindNghttp2.cmake
              ${PROJECT_BINARY_DIR}/FindRe2.cmake
        DESTINATION ${muxpro_package_dir})

# For builds without CMake: pkg-config muxpro, pkg-config muxpro-proxy.
file(RELATIVE_PATH muxpro_pc_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH muxpro_pc_libdir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH muxpro_pc_includedir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
get_target_property(definitions Asio::asio INTERFACE_COMPILE_DEFINITIONS)
list(TRANSFORM definitions PREPEND "-D")
list(JOIN definitions " " muxpro_pc_asio)
if(NOT Asio_INCLUDE_DIR IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
  string(PREPEND muxpro_pc_asio "-I${Asio_INCLUDE_DIR} ")
endif()
# A program that links a static library has to link what that needs.
set(muxpro_pc_shared_needs "-lmuxpro -lcares -lnghttp2 -lre2 -lssl -lcrypto")
set(muxpro_pc_static_needs)
if(NOT BUILD_SHARED_LIBS)
  set(muxpro_pc_static_needs "${muxpro_pc_shared_needs}")
  set(muxpro_pc_shared_needs)
endif()
set(muxpro_pc_files muxpro)
if(MUXPRO_BUILD_PROXY)
  list(APPEND muxpro_pc_files muxpro-proxy)
endif()
foreach(name IN LISTS muxpro_pc_files)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
