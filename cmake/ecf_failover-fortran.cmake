# ecf_failover::fortran: the Fortran module, built from its source by the compiler that uses it,
# for no two compilers read each other's modules. Included by the package and by the build tree.
#
# ecf_failover_fortran_source is where the source lies.
#
# What is used is an imported target, so that a library of the project that needs it can be
# installed and exported: who finds that library finds this package, too.

if(NOT TARGET ecf_failover::fortran)
    set(ecf_failover_fortran_modules "${CMAKE_CURRENT_BINARY_DIR}/module/ecf_failover")
    file(MAKE_DIRECTORY "${ecf_failover_fortran_modules}")
    add_library(ecf_failover_fortran STATIC "${ecf_failover_fortran_source}")
    set_target_properties(ecf_failover_fortran PROPERTIES
        Fortran_MODULE_DIRECTORY "${ecf_failover_fortran_modules}"
        # The expression keeps generators of several configurations from adding a directory.
        ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/module/$<0:>"
        DEBUG_POSTFIX ""
        POSITION_INDEPENDENT_CODE ON)
    add_library(ecf_failover::fortran STATIC IMPORTED GLOBAL)
    add_dependencies(ecf_failover::fortran ecf_failover_fortran)
    set_target_properties(ecf_failover::fortran PROPERTIES
        IMPORTED_LOCATION "${CMAKE_CURRENT_BINARY_DIR}/module/${CMAKE_STATIC_LIBRARY_PREFIX}ecf_failover_fortran${CMAKE_STATIC_LIBRARY_SUFFIX}"
        IMPORTED_LINK_INTERFACE_LANGUAGES Fortran
        INTERFACE_INCLUDE_DIRECTORIES "${ecf_failover_fortran_modules}"
        INTERFACE_LINK_LIBRARIES ecf_failover::ecf_failover)
endif()
