# cmake -DMESSAGE=text -P must_not_compile.cmake -- compiler arguments...
# Succeeds when the compiler refuses, and says the text.

set(command "")
set(after_dashes FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(after_dashes)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()

execute_process(COMMAND ${command} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "It compiles, though it must not.")
endif()
string(FIND "${output}" "${MESSAGE}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "The compiler refuses it, but without the words \"${MESSAGE}\":\n${output}")
endif()
