/* An image file of any format that is read. */
#include "image/decode.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bt_picture picture;
    bt_error error;
    if (bt_picture_decode(&picture, data, size, "input", NULL, &error) == BT_OK) bt_picture_close(&picture);
    return 0;
}
