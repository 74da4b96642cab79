# SPDX-License-Identifier: MIT
#
# cmake -D modules=a.lua;b.lua -D out=FILE.c -P embed.cmake
#
# Writes the modules as byte arrays and a table of them, in the order given,
# which a row of NULLs closes (bindings/stdlib.h declares it).

set(arrays "")
set(rows "")
foreach(module IN LISTS modules)
    cmake_path(GET module STEM name)
    file(READ ${module} bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR length "${digits} / 2")
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "static const unsigned char ${name}_lua[] = {${bytes}0};\n")
    string(APPEND rows 
        "    {\"neap.${name}\", (const char *)${name}_lua, ${length}},\n")
endforeach()

file(WRITE ${out} "\
// Made by stdlib/embed.cmake from stdlib/*.lua.
#include \"bindings/stdlib.h\"

${arrays}
const neapL_module neapL_modules[] = {
${rows}    {NULL, NULL, 0}
};
")
