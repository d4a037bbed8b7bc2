# layer_registrations: the objects of all registrations, compiled once for the tests and for
# tools/comparison. They use the public headers alone, so that they go with both kinds of library.
include_guard(GLOBAL)
set(folder "${CMAKE_CURRENT_LIST_DIR}")
# A file that comes or goes changes its folder.
file(GLOB registrations "${folder}/*.cpp")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${folder}")
add_library(layer_registrations OBJECT "${folder}/../support/registration.cpp" ${registrations})
target_include_directories(layer_registrations PRIVATE "${folder}/..")
target_link_libraries(layer_registrations PRIVATE luxtorch::luxtorch
  $<TARGET_NAME_IF_EXISTS:luxtorch_flags>)
target_compile_options(layer_registrations PRIVATE -O0)  # compiled once, and run for seconds
set_target_properties(layer_registrations PROPERTIES UNITY_BUILD_BATCH_SIZE 16)
