# cmake -DCOMMAND=... -DSENTENCE=... -P refused.cmake: the compiler refuses a source with a sentence of the library.
execute_process(COMMAND ${COMMAND} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(status EQUAL 0)
  message(FATAL_ERROR "the compiler takes what it must refuse: ${COMMAND}")
endif()
if(NOT said MATCHES "${SENTENCE}")
  message(FATAL_ERROR "\"${SENTENCE}\" is not among what the compiler says:\n${said}")
endif()
