/* Two hundred damaged or foreign files in the place of a user's network: each is refused in one line, or opened; none ends
 * the process that opens it, which is another one, as when tuning.
 *
 * BATCHTUNE_SEED sets which. What is no file of a network at all is refused before libtorch sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zip.h>

#include "backend/backend.h"
#include "base/files.h"
#include "base/random.h"
#include "expect.h"
#include "mutate.h"
#include "networks/model.h"
#include "scratch.h"

#define CASES     200
#define ROOM      65536
#define NAME_SIZE 32
#define OPEN      "--open"
#define SIDE      32

extern char **environ;

typedef enum form { SCRIPT, PACKAGE, GRAPH, WORDS, FORMS } form;

/* How a model's own file ends; WORDS are those of the JSON file beside a good one. */
static const char *const endings[FORMS] = {".pt", ".pt2", ".onnx", ".pt"};

typedef struct good_files {
    mutate_file of[FORMS];
    mutate_file foreign[16];
    int foreign_count;
} good_files;

static good_files good;
static char start[BT_PATH_SIZE]; /* the repository */

/* ---- what is damaged ---- */

static mutate_file read_here(const char *path) {
    char *bytes;
    size_t size;
    bt_error error = {0};
    must(bt_file_read(path, 1 << 20, &bytes, &size, &error), &error);
    return (mutate_file){(uint8_t *)bytes, size};
}

/* An archive that is laid out as a package is; its machine code is a text, which the loader of libraries refuses. */
static mutate_file make_package(void) {
    static const char text[] = "input_handles[0]: unmatched dim value at 2, expected: 32, but got: ";
    static const char *const names[] = {"m/data/aotinductor/model/a.wrapper.so",
                                        "m/data/aotinductor/model/a.wrapper.cpp", "m/archive_format",
                                        "m/version", "m/byteorder"};
    zip_t *zip = zip_open("package.zip", ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(
            zip_file_add(zip, names[i], zip_source_buffer(zip, text, sizeof text, 0), ZIP_FL_OVERWRITE) >= 0);
    assert_int_equal(zip_close(zip), 0);
    return read_here("package.zip");
}

static void add_foreign(const char *path) {
    char whole[2 * BT_PATH_SIZE];
    snprintf(whole, sizeof whole, "%s/%s", start, path);
    good.foreign[good.foreign_count++] = read_here(whole);
}

static mutate_file text_file(const char *text) {
    return (mutate_file){(const uint8_t *)text, strlen(text)};
}

static int read_good_files(void **state) {
    static const char
        page[] = "<!DOCTYPE html><html><body>404 Not Found</body></html>",
        pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n",
        graph[] = "\x08\x08\x12\x07pytorch:\x10\n\x04\n\x00\x12\x00\x12\x04mainB\x02\x10\x11",
        words[] =
            "{\"input_size\": {\"from\": 32, \"to\": 64, \"step\": 32}, \"channels\": 1, \"mean\": [0.5], "
            "\"std\": [0.25], \"layout\": \"NCHW\", \"classes\": [\"cell\"], \"pad_to_multiple\": 8}";
    char whole[2 * BT_PATH_SIZE];
    if (!getcwd(start, sizeof start) || bt_scratch_enter(state) != 0) return -1;
    snprintf(whole, sizeof whole, "%s/tests/checkpoints/program.pt", start);
    good.of[SCRIPT] = read_here(whole);
    good.of[PACKAGE] = make_package();
    good.of[GRAPH] = (mutate_file){(const uint8_t *)graph, sizeof graph - 1};
    good.of[WORDS] = text_file(words);
    add_foreign("tests/images/rgb-8.png");
    add_foreign("tests/images/gray-16.tif");
    add_foreign("tests/checkpoints/bare.pth");
    add_foreign("tests/checkpoints/legacy-half.pth");
    add_foreign("tests/checkpoints/float32.safetensors");
    add_foreign("tests/checkpoints/tar.pth");
    good.foreign[good.foreign_count++] = text_file(page);
    good.foreign[good.foreign_count++] = text_file(pointer);
    good.foreign[good.foreign_count++] = text_file("");
    good.foreign[good.foreign_count++] = text_file("PK\3\4");
    good.foreign[good.foreign_count++] = text_file("PK\5\6\0");
    return 0;
}

/* Where the archive's directory begins, roughly: what is behind it says where everything is. */
static size_t directory_of(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i + 4 <= size; i++)
        if (memcmp(bytes + i, "PK\1\2", 4) == 0) return i;
    return 0;
}

/* Case `index` into `out`; its size. Of ten: four changed somehow, two cut short, two with bytes of the directory
 * exchanged, one with a size in it that is huge, one that is another file altogether. */
static size_t damage(uint8_t *out, form which, int index, bt_random *random) {
    const mutate_file *from = &good.of[which];
    const int way = index / FORMS % 10;
    if (way == 9) from = &good.foreign[index / FORMS / 10 % good.foreign_count];
    if (way < 4) return mutate(mutate_seed(), (uint64_t)index, from, 1, out, ROOM);
    const size_t size = from->size < ROOM ? from->size : ROOM, first = directory_of(from->bytes, size);
    memcpy(out, from->bytes, size);
    if (size == 0 || way == 9) return size;
    if (way < 6) return (size_t)bt_random_below(random, size);
    for (int i = 0; i < 4; i++) {
        const size_t a = first + (size_t)bt_random_below(random, size - first),
                     b = first + (size_t)bt_random_below(random, size - first);
        const uint8_t byte = out[a];
        if (way == 8 && a + 8 <= size)
            memset(out + a, i % 2 ? 0xff : 0x7f, 8);
        else
            out[a] = out[b], out[b] = byte;
    }
    return size;
}

/* ---- what is said of it ---- */

static void check_line(const char *message, const char *of) {
    if (strlen(message) < 8) fail_msg("%s: refused without a reason: \"%s\"", of, message);
    for (const char *at = message; *at; at++)
        if ((unsigned char)*at < ' ') fail_msg("%s: refused in more than one line: \"%s\"", of, message);
}

static void write_case(char name[NAME_SIZE], int index, bt_random *random) {
    uint8_t *bytes = malloc(ROOM);
    char file[NAME_SIZE + 8];
    bt_error error = {0};
    const form which = (form)(index % FORMS);
    assert_non_null(bytes);
    const size_t size = damage(bytes, which, index, random);
    snprintf(name, NAME_SIZE, "case%03d", index);
    snprintf(file, sizeof file, "%s%s", name, which == WORDS ? ".json" : endings[which]);
    must(bt_file_replace(file, bytes, size, false, &error), &error);
    snprintf(file, sizeof file, "%s.pt", name);
    if (which == WORDS)
        must(bt_file_replace(file, good.of[SCRIPT].bytes, good.of[SCRIPT].size, false, &error), &error);
    free(bytes);
}

/* Whether nothing of it can be told to be wrong without running it. */
static bool passes(const char *name, form which) {
    static bt_model model;
    char file[BT_PATH_SIZE];
    bt_error error = {0};
    snprintf(file, sizeof file, "%s%s", name, endings[which]);
    bt_status status = bt_model_describe(&model, name, file, &error);
    if (status == BT_OK) status = bt_model_check_files(&model, &error);
    if (status == BT_OK) return true;
    assert_true(status == BT_PARSE || status == BT_INVALID || status == BT_IO);
    check_line(error.message, name);
    return false;
}

/* ---- the process that opens ---- */

/* A line for each: "opened", or why not. */
static int open_each(char **names) {
    for (; *names; names++) {
        const int index = (int)strtol(*names + 4, NULL, 10);
        char file[BT_PATH_SIZE];
        bt_session *session = NULL;
        bt_error error = {0};
        snprintf(file, sizeof file, "%s%s", *names, endings[index % FORMS]);
        const bt_session_options options = {.backend = "torch",
                                            .model = *names,
                                            .model_file = file,
                                            .device = "cpu",
                                            .path = BT_PATH_STANDARD,
                                            .height = SIDE,
                                            .width = SIDE,
                                            .threads = 1};
        const bt_status status = bt_session_open(&session, &options, &error);
        printf("%s %s\n", *names, status == BT_OK ? "opened" : error.message);
        fflush(stdout);
        bt_session_close(&session);
    }
    return 0;
}

static int run_opener(char **arguments, const char *output) {
    posix_spawn_file_actions_t actions;
    pid_t child;
    int how;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_true(waitpid(child, &how, 0) == child);
    return how;
}

static void damaged_models_are_refused_in_a_line_or_opened(void **state) {
    (void)state;
    static char names[CASES][NAME_SIZE];
    static char *arguments[CASES + 3] = {"torch-damaged-models", OPEN};
    int passed = 0, lines = 0;
    bt_random random = bt_random_stream(mutate_seed(), "damaged models");
    for (int i = 0; i < CASES; i++) {
        write_case(names[i], i, &random);
        if (passes(names[i], (form)(i % FORMS))) arguments[2 + passed++] = names[i];
    }
    assert_true(passed > 0 && passed < CASES / 2);
    const int how = run_opener(arguments, "opened.txt");
    char line[1024];
    FILE *file = fopen("opened.txt", "re");
    assert_non_null(file);
    for (; fgets(line, sizeof line, file); lines++) {
        line[strcspn(line, "\n")] = '\0';
        assert_true(lines < passed);
        check_line(line, names[0]);
    }
    fclose(file);
    if (how != 0 || lines != passed)
        fail_msg("BATCHTUNE_SEED=%llu: %s ended the process that opened it (%d)",
                 (unsigned long long)mutate_seed(), arguments[2 + (lines < passed ? lines : passed - 1)],
                 how);
    print_message("# %d refused by their bytes, %d opened or refused by libtorch\n", CASES - passed, passed);
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], OPEN) == 0) return open_each(argv + 2);
    const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_models_are_refused_in_a_line_or_opened)};
    return cmocka_run_group_tests(tests, read_good_files, bt_scratch_leave);
}
