#include "prove/looks.h"

#include "measure/late.h"
#include "measure/sequential.h"

int bt_looks_count(int lengthen) {
    int looks = 1;
    for (int lengths = 1; lengths < lengthen; lengths *= 2)
        looks++;
    return looks;
}

bt_look bt_looks_at(int look, int lengthen) {
    double share = (look == 0 ? 2.0 : 1.0) / (bt_looks_count(lengthen) + 1);
    int lengths = 1 << look;
    return (bt_look){.lengths = lengths < lengthen ? lengths : lengthen,
                     .met_error = BT_LOOKS_WRONG_MET * share,
                     .broken_error = BT_LOOKS_WRONG_BROKEN * share};
}

int bt_looks_fewest(int lengthen) {
    return bt_late_fewest(BT_SEQUENTIAL_LATE_FRACTION, bt_looks_at(0, lengthen).met_error);
}
