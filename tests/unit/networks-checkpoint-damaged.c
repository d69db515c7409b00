/* Damaged and forged checkpoints: whatever the bytes, a reader neither crashes nor hangs, and refuses with
 * one clear line. Run under the sanitizers this finds what a stranger's file could do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mutate.h"
#include "networks/checkpoint-open.h"
#include "scratch.h"

#define FILES_MAX    128
#define ROOM         16384 /* bytes; the good files are smaller */
#define ELEMENTS_MAX (1 << 16)
#define CASES        10000
#define HANG_S       20
#define DAMAGED      "damaged"

static mutate_file good[FILES_MAX],
    legacy[FILES_MAX]; /* legacy: those of `good` in torch.save's older format */
static int good_count, legacy_count;
static float numbers[ELEMENTS_MAX];
static volatile uint64_t under_way;

static void say_hang(int signal_number) {
    char text[120];
    (void)signal_number;
    const int length = snprintf(text, sizeof text, "# case %" PRIu64 " of seed %" PRIu64 " hangs\n",
                                under_way, mutate_seed());
    if (write(STDOUT_FILENO, text, (size_t)length) < 0) _exit(2);
    _exit(1);
}

static void read_good(const char *path) {
    static uint8_t bytes[FILES_MAX][ROOM];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_true(good_count < FILES_MAX);
    good[good_count] = (mutate_file){bytes[good_count], fread(bytes[good_count], 1, ROOM, file)};
    assert_true(good[good_count].size > 8 && good[good_count].size < ROOM);
    if (memcmp(bytes[good_count], "PK", 2) != 0 && strstr(path, ".pth"))
        legacy[legacy_count++] = good[good_count];
    good_count++;
    fclose(file);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of their names, so that a case is the same everywhere. */
static int read_all_good(void **state) {
    char *names[FILES_MAX], path[PATH_MAX];
    int count = 0;
    DIR *folder = opendir("tests/checkpoints");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) && count < FILES_MAX;)
        if (entry->d_type == DT_REG) names[count++] = strdup(entry->d_name);
    closedir(folder);
    qsort(names, (size_t)count, sizeof *names, compare_names);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "tests/checkpoints/%s", names[i]);
        read_good(path);
        free(names[i]);
    }
    signal(SIGALRM, say_hang);
    return bt_scratch_enter(state);
}

static void check_refusal(const bt_error *error, uint64_t number) {
    if (error->message[0] == '\0' || strchr(error->message, '\n') || !strstr(error->message, DAMAGED))
        fail_msg("case %" PRIu64 " of seed %" PRIu64 ": not one clear line: %s", number, mutate_seed(),
                 error->message);
}

/* Reads whatever it says it holds, as far as there is room. */
static int try_file(uint64_t number) {
    bt_checkpoint *checkpoint;
    bt_error error = {BT_OK, ""};
    int read = 0;
    if (bt_checkpoint_open(&checkpoint, DAMAGED, &error) != BT_OK) {
        assert_null(checkpoint);
        check_refusal(&error, number);
        return 0;
    }
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const bt_stored_tensor *tensor = &checkpoint->tensors[i];
        if (tensor->count > ELEMENTS_MAX) continue;
        if (bt_checkpoint_read(checkpoint, tensor, numbers, &error) == BT_OK)
            read++;
        else
            check_refusal(&error, number);
    }
    bt_checkpoint_close(&checkpoint);
    return read;
}

/* Case `number` of what comes of damage to some of the good files. */
static int damage_and_try(uint64_t seed, uint64_t number, const mutate_file *files, int count) {
    static uint8_t bytes[2 * ROOM];
    const size_t size = mutate(seed, number, files, count, bytes, sizeof bytes);
    FILE *file = fopen(DAMAGED, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    under_way = number;
    alarm(HANG_S);
    const int read = try_file(number);
    alarm(0);
    return read;
}

static void try_cases(const mutate_file *files, int count) {
    const uint64_t cases = mutate_cases(CASES), seed = mutate_seed();
    uint64_t opened = 0;
    print_message("# %" PRIu64 " cases of BATCHTUNE_SEED=%" PRIu64 "\n", cases, seed);
    for (uint64_t i = 0; i < cases; i++)
        opened += damage_and_try(seed, i, files, count) > 0;
    /* were all refused at the door, nothing behind it would have been tried */
    print_message("# numbers were read in %" PRIu64 "\n", opened);
    assert_true(opened > cases / 100);
    assert_true(opened < cases);
}

static void any_bytes_are_read_or_refused(void **state) {
    (void)state;
    try_cases(good, good_count);
}

/* Nothing guards these bytes: no archive with checksums, no lengths before the pickles. */
static void any_bytes_of_the_older_format_are_read_or_refused(void **state) {
    (void)state;
    assert_true(legacy_count >= 10);
    try_cases(legacy, legacy_count);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_bytes_are_read_or_refused),
                                       cmocka_unit_test(any_bytes_of_the_older_format_are_read_or_refused)};
    return cmocka_run_group_tests_name("networks/checkpoint-damaged", tests, read_all_good, bt_scratch_leave);
}
