# Install rules, and the same package from the build tree (muxpro_DIR=<build>).
include(CMakePackageConfigHelpers)

set(muxpro_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/muxpro)

install(TARGETS ${muxpro_packaged} EXPORT muxpro-targets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.ipp")
install(EXPORT muxpro-targets NAMESPACE muxpro:: DESTINATION ${muxpro_package_dir})
export(EXPORT muxpro-targets NAMESPACE muxpro:: FILE ${PROJECT_BINARY_DIR}/muxpro-targets.cmake)

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/muxpro-config.cmake.in ${PROJECT_BINARY_DIR}/muxpro-config.cmake
  INSTALL_DESTINATION ${muxpro_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/muxpro-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
foreach(name IN ITEMS FindAsio.cmake FindRe2.cmake)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${name} ${PROJECT_BINARY_DIR}/${name} COPYONLY)
endforeach()

install(FILES ${PROJECT_BINARY_DIR}/muxpro-config.cmake
              ${PROJECT_BINARY_DIR}/muxpro-config-version.cmake
              ${PROJECT_BINARY_DIR}/FindAsio.cmake
              ${PROJECT_BINARY_DIR}/FindRe2.cmake
        DESTINATION ${muxpro_package_dir})
