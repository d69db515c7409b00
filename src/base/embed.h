/* A file's bytes inside the program, so that no file is looked for at run time. */
#ifndef BT_BASE_EMBED_H
#define BT_BASE_EMBED_H

#include <stdint.h>

/* The assembler copies the file in: its bytes are symbol[0] to before symbol##_end. Paths are from the repository's root,
 * where the compiler runs; the Makefile names the file as a source of the object. */
#define BT_EMBED(symbol, path)                                                                               \
    __asm__(".pushsection .rodata\n.balign 8\n.local " #symbol "\n" #symbol ":\n.incbin \"" path "\"\n"      \
            ".local " #symbol "_end\n" #symbol "_end:\n.popsection\n");                                      \
    extern const uint8_t symbol[], symbol##_end[]

#endif
