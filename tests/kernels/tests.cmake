# The tests of the kernels, in kernel_tests. They need no torch; tests/kernels/aarch64 builds them too.
file(RELATIVE_PATH folder "${CMAKE_CURRENT_SOURCE_DIR}" "${CMAKE_CURRENT_LIST_DIR}")
set(kernel_tests loss_test.cpp optimizer_test.cpp recurrent_test.cpp transpose_test.cpp
  transformer_test.cpp philox_test.cpp dense_test.cpp)
list(TRANSFORM kernel_tests PREPEND "${folder}/")
# As the loops that they check.
set_source_files_properties("${folder}/optimizer_test.cpp" "${folder}/philox_test.cpp" PROPERTIES COMPILE_OPTIONS -ffp-contract=off)
