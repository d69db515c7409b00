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

static void root_is(const char *bytes, size_t size, bt_node_kind kind) {
    bt_pickle *pickle = open_pickle(bytes, size);
    assert_int_equal(pickle->nodes[pickle->root].kind, kind);
    bt_pickle_close(&pickle);
}

static void integer_is(const char *bytes, size_t size, int64_t value) {
    bt_pickle *pickle = open_pickle(bytes, size);
    assert_int_equal(pickle->nodes[pickle->root].kind, BT_NODE_INTEGER);
    assert_true(pickle->nodes[pickle->root].integer == value);
    bt_pickle_close(&pickle);
}

static void text_is(const char *bytes, size_t size, const char *text) {
    bt_pickle *pickle = open_pickle(bytes, size);
    assert_int_equal(pickle->nodes[pickle->root].kind, BT_NODE_TEXT);
    assert_true(bt_pickle_says(pickle, pickle->root, text));
    bt_pickle_close(&pickle);
}

static void integers_of_every_length_are_read_or_passed_over(void **state) {
    (void)state;
    integer_is(BYTES("K\xff."), 255);
    integer_is(BYTES("M\xff\xff."), 65535);
    integer_is(BYTES("J\xff\xff\xff\xff."), -1);
    integer_is(BYTES("\x8a\x00."), 0);
    integer_is(BYTES("\x8a\x01\x80."), -128);
    integer_is(BYTES("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), INT64_MIN);
    integer_is(BYTES("\x8b\x02\x00\x00\x00\x00\x80."), -32768);
    integer_is(BYTES("I-12\n."), -12);
    integer_is(BYTES("L12L\n."), 12);
    integer_is(BYTES("I9223372036854775807\n."), INT64_MAX);
    integer_is(BYTES("I-9223372036854775808\n."), INT64_MIN);
    root_is(BYTES("I9223372036854775808\n."), BT_NODE_NUMBER);
    root_is(BYTES("L123456789012345678901234567890L\n."), BT_NODE_NUMBER);
    root_is(BYTES("\x8a\x09\x05\x00\x00\x00\x00\x00\x00\x80\x00."), BT_NODE_NUMBER);
    root_is(BYTES("\x8b\x0b\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b."), BT_NODE_NUMBER);
    root_is(BYTES("I01\n."), BT_NODE_BOOLEAN);
    root_is(BYTES("\x88."), BT_NODE_BOOLEAN);
    refused(BYTES("\x8b\xff\xff\xff\xff."), "cut short");
}

static void texts_bytes_and_reals_of_every_encoding_are_read_or_passed_over(void **state) {
    (void)state;
    text_is(BYTES("X\x02\x00\x00\x00hi."), "hi");
    text_is(BYTES("\x8c\x02hi."), "hi");
    text_is(BYTES("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."), "hi");
    text_is(BYTES("U\x02hi."), "hi");
    text_is(BYTES("T\x02\x00\x00\x00hi."), "hi");
    text_is(BYTES("Vhi\n."), "hi");
    text_is(BYTES("S'hi'\n."), "hi");
    text_is(BYTES("S\"hi\"\n."), "hi");
    root_is(BYTES("C\x02hi."), BT_NODE_BYTES);
    root_is(BYTES("B\x02\x00\x00\x00hi."), BT_NODE_BYTES);
    root_is(BYTES("\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi."), BT_NODE_BYTES);
    root_is(BYTES("\x96\x02\x00\x00\x00\x00\x00\x00\x00hi."), BT_NODE_BYTES);
    root_is(BYTES("G\x3f\xf0\x00\x00\x00\x00\x00\x00."), BT_NODE_NUMBER);
    root_is(BYTES("F1.5\n."), BT_NODE_NUMBER);
    root_is(BYTES("N."), BT_NODE_NONE);
    refused(BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi."), "cut short");
}

static void containers_and_the_memo_are_those_of_python(void **state) {
    (void)state;
    root_is(BYTES("(K\x01K\x02\x91."), BT_NODE_LIST);
    root_is(BYTES("\x8f(K\x01\x90."), BT_NODE_LIST);
    root_is(BYTES("(K\x01K\x02l."), BT_NODE_LIST);
    root_is(BYTES("(K\x01K\x02"
                  "d."),
            BT_NODE_DICT);
    integer_is(BYTES("K\x07p0\n0g0\n."), 7);
    integer_is(BYTES("K\x07q\x05"
                     "0h\x05."),
               7);
    integer_is(BYTES("K\x07r\x05\x00\x00\x00"
                     "0j\x05\x00\x00\x00."),
               7);
    integer_is(BYTES("K\x07\x94"
                     "0h\x00."),
               7);
    integer_is(BYTES("K\x07"
                     "20."),
               7);
    integer_is(BYTES("K\x07(K\x01K\x02"
                     "1."),
               7);
    integer_is(BYTES("K\x07(0."), 7); /* takes the mark away */
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
    root_is(BYTES("cdatetime\ndatetime\n(K\x01tR."), BT_NODE_CALL);
    root_is(BYTES("\x8c\x05numpy\x8c\x05"
                  "array\x93)R."),
            BT_NODE_CALL);
    root_is(BYTES("cargparse\nNamespace\n)\x81}b."), BT_NODE_CALL);
    root_is(BYTES("cargparse\nNamespace\n)}\x92."), BT_NODE_CALL);
    root_is(BYTES("(K\x01iargparse\nNamespace\n."), BT_NODE_CALL);
    root_is(BYTES("(cargparse\nNamespace\nK\x01o."), BT_NODE_CALL);
    root_is(BYTES("ccollections\ndefaultdict\n)R(K\x01K\x02u."), BT_NODE_CALL);
    root_is(BYTES("ccollections\ndeque\n)R(K\x01K\x02"
                  "e."),
            BT_NODE_CALL);
    root_is(BYTES("ccollections\nOrderedDict\n)R}b."), BT_NODE_DICT);
    root_is(BYTES("ccollections\nOrderedDict\n](](K\x01K\x02"
                  "ee\x85R."),
            BT_NODE_DICT);
    root_is(BYTES("Psomething\n."), BT_NODE_OTHER);
    root_is(BYTES("K\x01Q."), BT_NODE_OTHER);
    root_is(BYTES("(U\x06moduleca\nB\nNNtQ."), BT_NODE_GLOBAL);
    root_is(BYTES("(U\x07storageK\x01tQ."), BT_NODE_STORAGE);
}

static void what_would_run_anything_is_refused_by_name(void **state) {
    (void)state;
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
    root_is(BYTES("cos\nstat_result\n."), BT_NODE_GLOBAL);
    root_is(BYTES("ccode.models\nNet\n."), BT_NODE_GLOBAL); /* a project's own folder */
    root_is(BYTES("ccode\nNet\n."), BT_NODE_GLOBAL);
    root_is(BYTES("cbuiltins\nset\n."), BT_NODE_GLOBAL);
    root_is(BYTES("cbuiltins\ngetattr\n."), BT_NODE_GLOBAL); /* enumerations are pickled with it */
    root_is(BYTES("cposixpath\njoin\n."), BT_NODE_GLOBAL);
    root_is(BYTES("cbuiltins\npen\n."), BT_NODE_GLOBAL); /* a part of "open" is not it */
    root_is(BYTES("cbuiltins\n\n."), BT_NODE_GLOBAL);
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
