/* Pickles by hand: every instruction of the protocols 0 to 5 is understood, what would be called is written
 * down and not called, and what has no end or no bottom is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "networks/checkpoint.h"
#include "networks/pickle.h"
#include "networks/torch-state.h"

/* A text of bytes, those that are zero included. */
#define BYTES(text) text, sizeof(text) - 1

static bt_pickle *open_pickle(const char *bytes, size_t size) {
    bt_pickle *pickle;
    bt_error error;
    if (bt_pickle_open(&pickle, bytes, size, "it", &error) != BT_OK) fail_msg("%s", error.message);
    assert_int_equal(pickle->size, size);
    return pickle;
}

static void refused(const char *bytes, size_t size, const char *why) {
    bt_pickle *pickle;
    bt_error error;
    assert_int_equal(bt_pickle_open(&pickle, bytes, size, "it", &error), BT_PARSE);
    if (!strstr(error.message, why)) fail_msg("wanted \"%s\", got: %s", why, error.message);
    bt_pickle_close(&pickle);
}

/* What a pickle's bytes become: a node of some kind, which may be one integer or one text. */
typedef struct reading {
    const char *bytes;
    size_t size;
    bt_node_kind kind;
    int64_t integer;
    const char *text;
} reading;

static void read_as(const reading *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bt_pickle *pickle = open_pickle(cases[i].bytes, cases[i].size);
        const bt_node *root = &pickle->nodes[pickle->root];
        if (root->kind != cases[i].kind) fail_msg("case %zu is of kind %d", i, (int)root->kind);
        if (root->kind == BT_NODE_INTEGER && root->integer != cases[i].integer)
            fail_msg("case %zu is %lld", i, (long long)root->integer);
        if (root->kind == BT_NODE_TEXT && !bt_pickle_says(pickle, pickle->root, cases[i].text))
            fail_msg("case %zu is not \"%s\"", i, cases[i].text);
        bt_pickle_close(&pickle);
    }
}
/* A table of them. */
#define READ_AS(cases) read_as(cases, sizeof(cases) / sizeof *(cases))

static void integers_of_every_length_are_read_or_passed_over(void **state) {
    (void)state;
    static const reading cases[] = {
        {BYTES("K\xff."), .kind = BT_NODE_INTEGER, .integer = 255},
        {BYTES("M\xff\xff."), .kind = BT_NODE_INTEGER, .integer = 65535},
        {BYTES("J\xff\xff\xff\xff."), .kind = BT_NODE_INTEGER, .integer = -1},
        {BYTES("\x8a\x00."), .kind = BT_NODE_INTEGER, .integer = 0},
        {BYTES("\x8a\x01\x80."), .kind = BT_NODE_INTEGER, .integer = -128},
        {BYTES("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), .kind = BT_NODE_INTEGER, .integer = INT64_MIN},
        {BYTES("\x8b\x02\x00\x00\x00\x00\x80."), .kind = BT_NODE_INTEGER, .integer = -32768},
        {BYTES("I-12\n."), .kind = BT_NODE_INTEGER, .integer = -12},
        {BYTES("L12L\n."), .kind = BT_NODE_INTEGER, .integer = 12},
        {BYTES("I9223372036854775807\n."), .kind = BT_NODE_INTEGER, .integer = INT64_MAX},
        {BYTES("I-9223372036854775808\n."), .kind = BT_NODE_INTEGER, .integer = INT64_MIN},
        {BYTES("I9223372036854775808\n."), .kind = BT_NODE_NUMBER},
        {BYTES("L123456789012345678901234567890L\n."), .kind = BT_NODE_NUMBER},
        {BYTES("\x8a\x09\x05\x00\x00\x00\x00\x00\x00\x80\x00."), .kind = BT_NODE_NUMBER},
        {BYTES("\x8b\x0b\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b."), .kind = BT_NODE_NUMBER},
        {BYTES("I01\n."), .kind = BT_NODE_BOOLEAN},
        {BYTES("\x88."), .kind = BT_NODE_BOOLEAN},
    };
    READ_AS(cases);
    refused(BYTES("\x8b\xff\xff\xff\xff."), "cut short");
}

static void texts_bytes_and_reals_of_every_encoding_are_read_or_passed_over(void **state) {
    (void)state;
    static const reading cases[] = {
        {BYTES("X\x02\x00\x00\x00hi."), .kind = BT_NODE_TEXT, .text = "hi"},
        {BYTES("\x8c\x02hi."), .kind = BT_NODE_TEXT, .text = "hi"},
        {BYTES("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."), .kind = BT_NODE_TEXT, .text = "hi"},
        {BYTES("U\x02hi."), .kind = BT_NODE_TEXT, .text = "hi"},
        {BYTES("T\x02\x00\x00\x00hi."), .kind = BT_NODE_TEXT, .text = "hi"},
        {BYTES("Vhi\n."), .kind = BT_NODE_TEXT, .text = "hi"},
        {BYTES("S'hi'\n."), .kind = BT_NODE_TEXT, .text = "hi"},
        {BYTES("S\"hi\"\n."), .kind = BT_NODE_TEXT, .text = "hi"},
        {BYTES("C\x02hi."), .kind = BT_NODE_BYTES},
        {BYTES("B\x02\x00\x00\x00hi."), .kind = BT_NODE_BYTES},
        {BYTES("\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi."), .kind = BT_NODE_BYTES},
        {BYTES("\x96\x02\x00\x00\x00\x00\x00\x00\x00hi."), .kind = BT_NODE_BYTES},
        {BYTES("G\x3f\xf0\x00\x00\x00\x00\x00\x00."), .kind = BT_NODE_NUMBER},
        {BYTES("F1.5\n."), .kind = BT_NODE_NUMBER},
        {BYTES("N."), .kind = BT_NODE_NONE},
    };
    READ_AS(cases);
    refused(BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi."), "cut short");
}

static void containers_and_the_memo_are_those_of_python(void **state) {
    (void)state;
    static const reading cases[] = {
        {BYTES("(K\x01K\x02\x91."), .kind = BT_NODE_LIST},
        {BYTES("\x8f(K\x01\x90."), .kind = BT_NODE_LIST},
        {BYTES("(K\x01K\x02l."), .kind = BT_NODE_LIST},
        {BYTES("(K\x01K\x02"
               "d."),
         .kind = BT_NODE_DICT},
        {BYTES("K\x07p0\n0g0\n."), .kind = BT_NODE_INTEGER, .integer = 7},
        {BYTES("K\x07q\x05"
               "0h\x05."),
         .kind = BT_NODE_INTEGER, .integer = 7},
        {BYTES("K\x07r\x05\x00\x00\x00"
               "0j\x05\x00\x00\x00."),
         .kind = BT_NODE_INTEGER, .integer = 7},
        {BYTES("K\x07\x94"
               "0h\x00."),
         .kind = BT_NODE_INTEGER, .integer = 7},
        {BYTES("K\x07"
               "20."),
         .kind = BT_NODE_INTEGER, .integer = 7},
        {BYTES("K\x07(K\x01K\x02"
               "1."),
         .kind = BT_NODE_INTEGER, .integer = 7},
        {BYTES("K\x07(0."), .kind = BT_NODE_INTEGER, .integer = 7}, /* takes the mark away */
    };
    READ_AS(cases);
    refused(BYTES("h\x00."), "it recalls what was never remembered");
    refused(BYTES("g-1\n."), "a place in its memory is no number");
    refused(BYTES("K\x01r\xff\xff\xff\xff."), "it remembers in a place out of bounds");
    refused(BYTES("0."), "it takes from an empty stack");
    refused(BYTES("K\x01(\x85."), "it takes what is not on its stack");
    refused(BYTES("}K\x01K\x02K\x03u."), "a mark is missing");
    refused(BYTES("}(K\x01u."), "items that do not fit their container");
    refused(BYTES("(K\x01"
                  "d."),
            "it takes what is not on its stack");
}

/* Every way to have something called. */
static void calls_are_written_down_and_not_made(void **state) {
    (void)state;
    static const reading cases[] = {
        {BYTES("cdatetime\ndatetime\n(K\x01tR."), .kind = BT_NODE_CALL},
        {BYTES("\x8c\x05numpy\x8c\x05"
               "array\x93)R."),
         .kind = BT_NODE_CALL},
        {BYTES("cargparse\nNamespace\n)\x81}b."), .kind = BT_NODE_CALL},
        {BYTES("cargparse\nNamespace\n)}\x92."), .kind = BT_NODE_CALL},
        {BYTES("(K\x01iargparse\nNamespace\n."), .kind = BT_NODE_CALL},
        {BYTES("(cargparse\nNamespace\nK\x01o."), .kind = BT_NODE_CALL},
        {BYTES("ccollections\ndefaultdict\n)R(K\x01K\x02u."), .kind = BT_NODE_CALL},
        {BYTES("ccollections\ndeque\n)R(K\x01K\x02"
               "e."),
         .kind = BT_NODE_CALL},
        {BYTES("ccollections\nOrderedDict\n)R}b."), .kind = BT_NODE_DICT},
        {BYTES("ccollections\nOrderedDict\n](](K\x01K\x02"
               "ee\x85R."),
         .kind = BT_NODE_DICT},
        {BYTES("Psomething\n."), .kind = BT_NODE_OTHER},
        {BYTES("K\x01Q."), .kind = BT_NODE_OTHER},
        {BYTES("(U\x06moduleca\nB\nNNtQ."), .kind = BT_NODE_GLOBAL},
        {BYTES("(U\x07storageK\x01tQ."), .kind = BT_NODE_STORAGE},
    };
    READ_AS(cases);
}

static void what_would_run_anything_is_refused_by_name(void **state) {
    (void)state;
    static const reading cases[] = {
        {BYTES("cos\nstat_result\n."), .kind = BT_NODE_GLOBAL},
        {BYTES("ccode.models\nNet\n."), .kind = BT_NODE_GLOBAL}, /* a project's own folder */
        {BYTES("ccode\nNet\n."), .kind = BT_NODE_GLOBAL},
        {BYTES("cbuiltins\nset\n."), .kind = BT_NODE_GLOBAL},
        {BYTES("cbuiltins\ngetattr\n."), .kind = BT_NODE_GLOBAL}, /* enumerations are pickled with it */
        {BYTES("cposixpath\njoin\n."), .kind = BT_NODE_GLOBAL},
        {BYTES("cbuiltins\npen\n."), .kind = BT_NODE_GLOBAL}, /* a part of "open" is not it */
        {BYTES("cbuiltins\n\n."), .kind = BT_NODE_GLOBAL},
    };
    READ_AS(cases);
    refused(BYTES("cos\nsystem\n."), "holds a Python object, os.system, that could run anything");
    refused(BYTES("cposix\nsystem\n."), "posix.system");
    refused(BYTES("cbuiltins\neval\n."), "builtins.eval");
    refused(BYTES("cbuiltins\nexec.x\n."), "builtins.exec.x");
    refused(BYTES("c__builtin__\nopen\n."), "__builtin__.open");
    refused(BYTES("\x8c\x08"
                  "builtins\x8c\x0a__import__\x93."),
            "builtins.__import__");
    refused(BYTES("csubprocess\nPopen\n."), "subprocess.Popen");
    refused(BYTES("(iimportlib\nimport_module\n."), "importlib.import_module");
}

static void an_instruction_that_is_not_understood_is_named(void **state) {
    (void)state;
    refused(BYTES("\x82\x01."), "instruction EXT1): save model.state_dict() alone");
    refused(BYTES("\x83\x01\x00."), "EXT2");
    refused(BYTES("\x84\x01\x00\x00\x00."), "EXT4");
    refused(BYTES("\x97."), "NEXT_BUFFER");
    refused(BYTES("N\x98."), "READONLY_BUFFER");
    refused(BYTES("?."), "byte 0x3f is no instruction of a pickle");
}

static void where_the_bytes_end_too_early_it_is_told_apart(void **state) {
    (void)state;
    static const char whole[] = "\x80\x02}(U\x01"
                                "aK\x01u.";
    bt_pickle *pickle;
    bt_error error;
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        char *bytes = malloc(size + 1); /* so that a byte behind them is an error under the sanitizers */
        assert_non_null(bytes);
        memcpy(bytes, whole, size);
        assert_int_equal(bt_pickle_open(&pickle, bytes, size, "it", &error), BT_PARSE);
        assert_true(pickle->cut_short);
        bt_pickle_close(&pickle);
        free(bytes);
    }
    assert_int_equal(bt_pickle_open(&pickle, BYTES("?."), "it", &error), BT_PARSE);
    assert_false(pickle->cut_short);
    bt_pickle_close(&pickle);
}

static bt_status read_state(const char *bytes, size_t size, bt_error *error) {
    bt_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    bt_pickle *pickle = open_pickle(bytes, size);
    assert_non_null(checkpoint);
    strcpy(checkpoint->path, "it");
    bt_status status = bt_torch_state_read(checkpoint, pickle, error);
    bt_pickle_close(&pickle);
    bt_checkpoint_close(&checkpoint);
    return status;
}

/* Lists of the same list twice, `depth` times: 2 to that power of them. */
static size_t write_doubling(char *out, int depth) {
    char *at = out;
    *at++ = ']';
    for (int i = 0; i < depth; i++) {
        memcpy(at, "2\x86", 2);
        at += 2;
    }
    *at++ = '.';
    return (size_t)(at - out);
}

static void what_holds_itself_has_an_end(void **state) {
    (void)state;
    bt_error error;
    assert_int_equal(read_state(BYTES("]q\x00(h\x00h\x00"
                                      "e."),
                                &error),
                     BT_PARSE); /* a list in itself */
    assert_non_null(strstr(error.message, "holds no dictionary of tensors, but a list of 2"));
    assert_int_equal(read_state(BYTES("}q\x00(U\x01"
                                      "ah\x00U\x01"
                                      "bh\x00u."),
                                &error),
                     BT_PARSE);
    assert_non_null(strstr(error.message, "holds no dictionary of tensors, but a dictionary of 2"));
}

static void what_is_shared_without_end_is_refused(void **state) {
    (void)state;
    char bytes[128];
    bt_error error;
    assert_int_equal(read_state(bytes, write_doubling(bytes, 60), &error), BT_PARSE);
    assert_non_null(strstr(error.message, "hold one another without end"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_length_are_read_or_passed_over),
        cmocka_unit_test(texts_bytes_and_reals_of_every_encoding_are_read_or_passed_over),
        cmocka_unit_test(containers_and_the_memo_are_those_of_python),
        cmocka_unit_test(calls_are_written_down_and_not_made),
        cmocka_unit_test(what_would_run_anything_is_refused_by_name),
        cmocka_unit_test(an_instruction_that_is_not_understood_is_named),
        cmocka_unit_test(where_the_bytes_end_too_early_it_is_told_apart),
        cmocka_unit_test(what_holds_itself_has_an_end),
        cmocka_unit_test(what_is_shared_without_end_is_refused),
    };
    return cmocka_run_group_tests_name("networks/pickle", tests, NULL, NULL);
}
