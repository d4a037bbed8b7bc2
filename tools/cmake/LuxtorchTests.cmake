# luxtorch_test(NAME file.cpp...) and luxtorch_must_not_compile(...): how tests become ctest entries.

set(LUXTORCH_SHARED_DATA "${PROJECT_SOURCE_DIR}/../shared/data" CACHE PATH
  "Larger test data beside the checkout; tests that need it skip where it is absent")
find_program(LUXTORCH_TEST_PYTHON NAMES python3 HINTS "${PROJECT_SOURCE_DIR}/.venv/bin" NO_CACHE)
set(LUXTORCH_TEST_RESULTS "${PROJECT_BINARY_DIR}/test-results")
set(LUXTORCH_TEST_TMP "${PROJECT_BINARY_DIR}/test-tmp")
file(MAKE_DIRECTORY "${LUXTORCH_TEST_RESULTS}" "${LUXTORCH_TEST_TMP}")

# A program of tests from explicit sources, and a ctest entry per test suite in them. The suites' names
# are read from the sources when CMake runs, so configuring starts no program. Entries carry the label
# unit, or golden or gpu where the suite's or the file's name says so.
function(luxtorch_test name)
  if(NOT ARGN)
    return()
  endif()
  set(target ${name}_test)
  add_executable(${target} ${ARGN})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(${target} PRIVATE
    LUXTORCH_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/golden"
    LUXTORCH_SHARED_DATA="${LUXTORCH_SHARED_DATA}"
    LUXTORCH_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    LUXTORCH_TEST_TMP="${LUXTORCH_TEST_TMP}"
    LUXTORCH_BIN_DIR="${PROJECT_BINARY_DIR}/bin"
    LUXTORCH_PYTHON="${LUXTORCH_TEST_PYTHON}")
  target_link_libraries(${target} PRIVATE luxtorch::luxtorch luxtorch_flags luxtorch_fmt
    luxtorch_headers GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest
    $<TARGET_NAME_IF_EXISTS:OpenSSL::Crypto>)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")

  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  foreach(file IN LISTS ARGN)
    file(STRINGS "${file}" lines REGEX "^ *(TEST|TEST_F|TEST_P|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP|TYPED_TEST|INSTANTIATE_TEST_SUITE_P) *\\(")
    foreach(line IN LISTS lines)
      if(line MATCHES "TYPED_TEST *\\( *([A-Za-z0-9_]+)")
        set(suite ${CMAKE_MATCH_1})
        set(filter "${suite}/*")
      elseif(line MATCHES "INSTANTIATE_TEST_SUITE_P")
        continue()
      elseif(line MATCHES "TEST_P *\\( *([A-Za-z0-9_]+)")
        set(suite ${CMAKE_MATCH_1})
        set(filter "*/${suite}.*")
      elseif(line MATCHES "\\( *([A-Za-z0-9_]+)")
        set(suite ${CMAKE_MATCH_1})
        set(filter "${suite}.*")
      endif()
      if(suite IN_LIST suites)
        continue()
      endif()
      list(APPEND suites ${suite})
      set(label unit)
      if(file MATCHES "golden" OR suite MATCHES "Golden")
        set(label golden)
      elseif(file MATCHES "gpu" OR suite MATCHES "Gpu")
        set(label gpu)
      endif()
      set(entry ${name}.${suite})
      add_test(NAME ${entry} COMMAND ${target} --gtest_filter=${filter} --gtest_brief=1)
      set_tests_properties(${entry} PROPERTIES
        LABELS ${label}
        TIMEOUT 900
        ENVIRONMENT "GTEST_OUTPUT=json:${LUXTORCH_TEST_RESULTS}/${entry}.json")
    endforeach()
  endforeach()
endfunction()
