/* PNG's check sums put right after its bytes were changed, so that a change gets past them. */
#ifndef BT_TESTS_PNG_SUMS_H
#define BT_TESTS_PNG_SUMS_H

#include <stddef.h>
#include <stdint.h>

/* Sets the sum of every chunk that ends within the bytes; what is no PNG stays as it is. */
void png_mend_sums(uint8_t *bytes, size_t size);

#endif
