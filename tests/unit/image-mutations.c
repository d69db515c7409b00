/* Thousands of damaged pictures: each is decoded or refused with one clear line, soon, with nothing printed.
 *
 * BATCHTUNE_MUTATIONS sets how many (make security: many more), BATCHTUNE_SEED which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "image/decode.h"
#include "image/resize.h"
#include "mutate.h"
#include "png-sums.h"

#define FILES_MAX      128
#define ROOM           16384 /* bytes of a damaged file */
#define USUAL          10000
#define PRINTING_CASES 2000
#define SLOWEST_NS     (20 * BT_NS_PER_S) /* for one: a hang, on however slow a machine */
#define FOLDER         "tests/images"

typedef struct good_files {
    mutate_file files[FILES_MAX];
    char *names[FILES_MAX];
    int count;
} good_files;

static int is_file(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int read_all(void **state) {
    static good_files good;
    struct dirent **entries;
    int count = scandir(FOLDER, &entries, is_file, alphasort);
    for (int i = 0; i < count && good.count < FILES_MAX; i++) {
        char path[BT_PATH_SIZE], *bytes;
        size_t size;
        bt_error error;
        if (bt_path_join(path, &error, FOLDER "/%s", entries[i]->d_name) != BT_OK) return -1;
        if (bt_file_read(path, 1 << 20, &bytes, &size, &error) != BT_OK) return -1;
        good.names[good.count] = strdup(entries[i]->d_name);
        good.files[good.count++] = (mutate_file){(uint8_t *)bytes, size};
        free(entries[i]);
    }
    free(entries);
    *state = &good;
    return good.count > 0 ? 0 : -1;
}

static int free_all(void **state) {
    good_files *good = *state;
    for (int i = 0; i < good->count; i++) {
        free((void *)good->files[i].bytes);
        free(good->names[i]);
    }
    return 0;
}

/* NULL, or what is wrong with a refusal. */
static const char *refusal_fault(bt_status status, const bt_picture *picture, const char *message) {
    if (status != BT_PARSE && status != BT_INVALID) return "refused with another status";
    if (picture->rgb) return "refused, but something is left";
    if (strncmp(message, "upload: ", 8) != 0 || strlen(message) < 12) return "refused without a reason";
    for (; *message; message++)
        if ((unsigned char)*message < ' ') return "refused in more than one line";
    return NULL;
}

/* NULL, or what is wrong with a picture; reads every pixel, so that the sanitizers see them. */
static const char *picture_fault(const bt_picture *picture) {
    if (picture->height < 1 || picture->width < 1 || picture->height > BT_IMAGE_SIDE_MAX ||
        picture->width > BT_IMAGE_SIDE_MAX)
        return "a picture of impossible sides";
    size_t bytes = 3 * (size_t)picture->height * (size_t)picture->width;
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum += picture->rgb[i];
    return sum <= 255 * bytes ? NULL : "a picture of impossible pixels";
}

/* Case `index`: NULL, or what is wrong. `pictures` counts what could be decoded. */
static const char *try_case(const good_files *good, uint64_t seed, uint64_t index, uint64_t *pictures) {
    uint8_t room[ROOM];
    size_t size = mutate(seed, index, good->files, good->count, room, ROOM);
    uint8_t *bytes = malloc(size); /* of just this size, so that reading beyond it is seen */
    if (size) memcpy(bytes, room, size);
    if (index / (uint64_t)good->count % 2 == 0) png_mend_sums(bytes, size);
    bt_picture picture;
    bt_error error = {BT_OK, ""};
    int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_picture_decode(&picture, bytes, size, "upload", NULL, &error);
    int64_t took_ns = bt_clock_now_ns() - start_ns;
    const char *fault =
        status == BT_OK ? picture_fault(&picture) : refusal_fault(status, &picture, error.message);
    *pictures += status == BT_OK;
    bt_picture_close(&picture);
    free(bytes);
    return fault ? fault : took_ns > SLOWEST_NS ? "took too long" : NULL;
}

static void damaged_pictures_are_decoded_or_refused(void **state) {
    const good_files *good = *state;
    uint64_t seed = mutate_seed(), cases = mutate_cases(USUAL), pictures = 0;
    for (uint64_t i = 0; i < cases; i++) {
        const char *fault = try_case(good, seed, i, &pictures);
        if (fault)
            fail_msg("BATCHTUNE_SEED=%llu, case %llu, of %s: %s", (unsigned long long)seed,
                     (unsigned long long)i, good->names[i % (uint64_t)good->count], fault);
    }
    print_message("# %llu of %llu damaged files (seed %llu) were still pictures\n",
                  (unsigned long long)pictures, (unsigned long long)cases, (unsigned long long)seed);
    /* damage that neither kills all nor none */
    assert_true(cases < 100 || (pictures > cases / 100 && pictures < cases / 10 * 9));
}

/* The libraries' own messages go into a file of no name meanwhile, and there are none. */
static void nothing_is_printed(void **state) {
    const good_files *good = *state;
    struct stat printed;
    uint64_t pictures = 0;
    int fd = memfd_create("printed", 0), kept_fd = dup(STDERR_FILENO);
    assert_true(fd >= 0 && kept_fd >= 0);
    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    for (uint64_t i = 0; i < PRINTING_CASES; i++)
        (void)try_case(good, mutate_seed(), i, &pictures);
    fflush(stderr);
    dup2(kept_fd, STDERR_FILENO);
    close(kept_fd);
    assert_int_equal(fstat(fd, &printed), 0);
    close(fd);
    assert_int_equal(printed.st_size, 0);
}

/* The same case is the same bytes, and the next one is not. */
static void a_seed_repeats_its_damage(void **state) {
    const good_files *good = *state;
    uint8_t first[ROOM], second[ROOM];
    int alike = 0;
    for (uint64_t i = 0; i < 200; i++) {
        size_t size = mutate(9, i, good->files, 1, first, ROOM);
        assert_true(size <= ROOM);
        assert_int_equal(mutate(9, i, good->files, 1, second, ROOM), size);
        assert_memory_equal(first, second, size);
        alike += mutate(9, i + 1, good->files, 1, second, ROOM) == size && memcmp(first, second, size) == 0;
        assert_true(mutate(9, i, good->files, good->count, second, 100) <= 100);
    }
    assert_true(alike < 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_pictures_are_decoded_or_refused),
        cmocka_unit_test(nothing_is_printed),
        cmocka_unit_test(a_seed_repeats_its_damage),
    };
    return cmocka_run_group_tests_name("image-mutations", tests, read_all, free_all);
}
