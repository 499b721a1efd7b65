# muxpro_compiled_for_libraries(<target>): objects that static and shared libraries can be made of. Calls between functions
# of one file stay as direct as they are in a program, and copies of inline functions are no symbols of a shared library.
function(muxpro_compiled_for_libraries target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON VISIBILITY_INLINES_HIDDEN ON DEFINE_SYMBOL "")
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU,Clang>:-fno-semantic-interposition>)
endfunction()

# muxpro_library(<target>): a library of this project, static or (BUILD_SHARED_LIBS) shared. A shared one finds the others
# beside it, and exports what cmake/exports.map lets through.
function(muxpro_library target)
  muxpro_compiled_for_libraries(${target})
  set_target_properties(${target} PROPERTIES VERSION ${PROJECT_VERSION}
                                             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(NOT BUILD_SHARED_LIBS OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    return()
  endif()
  set(exports ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN" LINK_DEPENDS ${exports})
  target_link_options(${target} PRIVATE "LINKER:--version-script=${exports}")
endfunction()
