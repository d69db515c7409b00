#include "kernels/parallel.h"

#include <omp.h>

void bt_share_out(void (*work)(const bt_share *share), const bt_share *whole, int threads) {
    if (threads == 1) {
        work(whole);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int count = omp_get_num_threads();
        bt_share mine = *whole;
        mine.thread = omp_get_thread_num();
        mine.from = bt_share_from(whole->to, mine.thread, count);
        mine.to = bt_share_from(whole->to, mine.thread + 1, count);
        work(&mine);
    }
}
