/* An OME-TIFF's description, for the page of the first byte. */
#include <stdlib.h>
#include <string.h>

#include "image/ome-xml.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_ome ome;
    bt_error error;
    if (size == 0) return 0;
    if (bt_ome_read(&ome, (const char *)data + 1, size - 1, data[0], &error) != BT_OK) return 0;
    bool text_ends =
        memchr(ome.companion, '\0', sizeof ome.companion) && memchr(ome.broken, '\0', sizeof ome.broken);
    if (ome.significant_bits < 0 || !text_ends) abort();
    return 0;
}
