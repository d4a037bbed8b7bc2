# How tests become ctest entries:
#   luxtorch_test(NAME file.cpp...)                        a GoogleTest program, an entry per suite
#   luxtorch_python_test(NAME file.py [LABEL])             a Python unittest file
#   luxtorch_must_compile(NAME file.cpp)                   code that the compiler must accept
#   luxtorch_must_not_compile(NAME file.cpp "message")     code that the compiler must refuse
# Every entry leaves its single tests, skips and their reasons in build/PRESET/test-results/ENTRY.xml.

find_program(LUXTORCH_TEST_PYTHON NAMES python3 HINTS "${PROJECT_SOURCE_DIR}/.venv/bin" NO_CACHE)
set(LUXTORCH_TEST_RESULTS "${PROJECT_BINARY_DIR}/test-results")
set(LUXTORCH_TEST_TMP "${PROJECT_BINARY_DIR}/test-tmp")
file(MAKE_DIRECTORY "${LUXTORCH_TEST_RESULTS}" "${LUXTORCH_TEST_TMP}")

# A program of tests from explicit sources, and a ctest entry per test suite in them. The suites' names
# are read from the sources when CMake runs, so configuring starts no program. Entries carry the label
# unit, or golden or gpu where the suite's or the file's name says so. Without files it does nothing.
function(luxtorch_test name)
  if(NOT ARGN)
    return()
  endif()
  set(target ${name}_test)
  add_executable(${target} ${ARGN})
  # Tests are compiled once and run for seconds: what counts is how long they take to compile.
  target_compile_options(${target} PRIVATE -O0)
  target_link_libraries(${target} PRIVATE test_support luxtorch_internals luxtorch_flags luxtorch_fmt
    luxtorch_headers GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD_BATCH_SIZE 16
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")

  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  set(suites "")
  foreach(file IN LISTS ARGN)
    file(STRINGS "${file}" lines
      REGEX "^ *(TEST|TEST_F|TEST_P|TYPED_TEST|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP) *\\(")
    # A macro whose suite's name stands on the next line would be missed without a word.
    foreach(line IN LISTS lines)
      if(NOT line MATCHES "^ *([A-Z_]+) *\\( *([A-Za-z0-9_]+) *,")
        message(FATAL_ERROR "${file}: the suite's name must stand on the macro's line: ${line}")
      endif()
      set(macro ${CMAKE_MATCH_1})
      set(suite ${CMAKE_MATCH_2})
      if(suite IN_LIST suites)
        continue()
      endif()
      list(APPEND suites ${suite})
      set(filter "${suite}.*")
      if(macro STREQUAL "TYPED_TEST")
        set(filter "${suite}/*.*")
      elseif(macro STREQUAL "TEST_P")
        set(filter "*/${suite}.*")
      endif()
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
        TIMEOUT 1800
        ENVIRONMENT "GTEST_OUTPUT=xml:${LUXTORCH_TEST_RESULTS}/${entry}.xml")
    endforeach()
  endforeach()
endfunction()

# A file of unittest cases. They find the build in the environment variables below.
function(luxtorch_python_test name file)
  set(label unit)
  if(ARGC GREATER 2)
    set(label ${ARGV2})
  endif()
  add_test(NAME ${name} COMMAND "${LUXTORCH_TEST_PYTHON}"
    "${PROJECT_SOURCE_DIR}/tests/support/run_unittest.py" "${CMAKE_CURRENT_SOURCE_DIR}/${file}"
    "${LUXTORCH_TEST_RESULTS}/${name}.xml")
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 1800 ENVIRONMENT
    "LUXTORCH_BUILD_DIR=${PROJECT_BINARY_DIR};LUXTORCH_SOURCE_DIR=${PROJECT_SOURCE_DIR};LUXTORCH_LIBRARY=$<TARGET_FILE:luxtorch>;LUXTORCH_LIBTORCH=${LibTorch_ROOT_DIR};LUXTORCH_CMAKE=${CMAKE_COMMAND};LUXTORCH_NINJA=${CMAKE_MAKE_PROGRAM};LUXTORCH_CXX=${CMAKE_CXX_COMPILER};PYTHONDONTWRITEBYTECODE=1")
endfunction()

# The compiler's command for a file of ours that is only checked, not run.
function(luxtorch_syntax_command out)
  set(includes "$<TARGET_PROPERTY:luxtorch::libtorch,INTERFACE_INCLUDE_DIRECTORIES>")
  set(${out} "${CMAKE_CXX_COMPILER}" -std=c++20 -fsyntax-only "-I${PROJECT_SOURCE_DIR}/include"
    "-isystem;$<JOIN:${includes},;-isystem;>" PARENT_SCOPE)
endfunction()

# The file must compile; nothing is run.
function(luxtorch_must_compile name file)
  get_filename_component(path "${file}" ABSOLUTE)
  luxtorch_syntax_command(command)
  add_test(NAME must_compile.${name} COMMAND "${command}" "${path}" COMMAND_EXPAND_LISTS)
  set_tests_properties(must_compile.${name} PROPERTIES LABELS unit TIMEOUT 1800)
endfunction()

# The file, compiled with -DNAME, must be refused with `message` (a plain text) in the compiler's words;
# without that definition it must compile, so that it cannot be refused for another reason.
function(luxtorch_must_not_compile name file message)
  get_filename_component(path "${file}" ABSOLUTE)
  get_filename_component(stem "${file}" NAME_WE)
  luxtorch_syntax_command(command)
  if(NOT TEST must_compile.${stem})
    luxtorch_must_compile(${stem} "${file}")
  endif()
  add_test(NAME must_not_compile.${name}
    COMMAND "${CMAKE_COMMAND}" "-DMESSAGE=${message}"
      -P "${PROJECT_SOURCE_DIR}/tests/support/must_not_compile.cmake" -- "${command}" "-D${name}" "${path}"
    COMMAND_EXPAND_LISTS)
  set_tests_properties(must_not_compile.${name} PROPERTIES LABELS unit TIMEOUT 1800)
endfunction()
