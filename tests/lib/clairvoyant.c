#include "clairvoyant.h"

#include <stdlib.h>

/* What is kept for each request: the least times for so many numbers of misses, from the fewest on. More cost
 * time in proportion. Who leaves late ones out is never so far behind as this; where all are answered it is
 * the best of the schedules that are not. */
#define MISSES 512

typedef struct stage {
    int fewest; /* misses; -1: nobody has come here yet */
    int64_t free_ns[MISSES];
} stage;

typedef struct search {
    const bt_ladder *ladder;
    const int64_t *arrivals_ns;
    int count, largest;
    int64_t sla_ns;
    bool all;
    stage *stages; /* a ring, of the next `largest` requests */
} search;

static stage *stage_of(const search *s, int request) {
    return &s->stages[request % (s->largest + 1)];
}

static void reach(const search *s, int request, int misses, int64_t free_ns) {
    stage *at = stage_of(s, request);
    if (at->fewest < 0) at->fewest = misses;
    const int fewer = at->fewest - misses;
    if (fewer > 0) {
        for (int i = MISSES - 1; i >= 0; i--)
            at->free_ns[i] = i >= fewer ? at->free_ns[i - fewer] : INT64_MAX;
        at->fewest = misses;
    }
    const int place = misses - at->fewest;
    if (place < MISSES && free_ns < at->free_ns[place]) at->free_ns[place] = free_ns;
}

static void leave(const search *s, int request) {
    stage *at = stage_of(s, request);
    at->fewest = -1;
    for (int i = 0; i < MISSES; i++)
        at->free_ns[i] = INT64_MAX;
}

/* Every batch that begins with this request, when the device is free at `free_ns`. */
static void go_on(const search *s, int request, int misses, int64_t free_ns) {
    int late = 0;
    for (int size = 1; size <= s->largest && request + size <= s->count; size++) {
        const int64_t last_ns = s->arrivals_ns[request + size - 1];
        const int64_t end_ns = (last_ns > free_ns ? last_ns : free_ns) + s->ladder->cost_ns[size];
        while (late < size && s->arrivals_ns[request + late] + s->sla_ns < end_ns)
            late++;
        if (late > 0 && !s->all) break;
        reach(s, request + size, misses + late, end_ns);
    }
    if (!s->all) reach(s, request + 1, misses + 1, free_ns);
}

int clairvoyant_in_time(const bt_ladder *ladder, int largest, const int64_t *arrivals_ns, int count,
                        int64_t sla_ns, bool all) {
    search s = {ladder, arrivals_ns, count, largest, sla_ns, all, NULL};
    s.stages = malloc((size_t)(largest + 1) * sizeof *s.stages);
    if (!s.stages) return -1;
    for (int i = 0; i <= largest; i++)
        leave(&s, i);
    reach(&s, 0, 0, INT64_MIN);
    for (int i = 0; i < count; i++) {
        const stage *at = stage_of(&s, i);
        int64_t least_ns = INT64_MAX; /* who misses more must be free sooner */
        for (int m = 0; m < MISSES && at->fewest >= 0; m++) {
            int64_t free_ns = at->free_ns[m];
            if (free_ns >= least_ns) continue;
            if (free_ns < arrivals_ns[i]) free_ns = arrivals_ns[i];
            least_ns = free_ns;
            go_on(&s, i, at->fewest + m, free_ns);
        }
        leave(&s, i);
    }
    const int in_time = count - stage_of(&s, count)->fewest;
    free(s.stages);
    return in_time;
}
