/* What an ONNX file says of itself, read from its bytes without running anything: its images' size, its numbers, what lies
 * beside it; and what people mistake for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "networks/model.h"
#include "networks/onnx-file.h"
#include "scratch.h"

/* ---- protocol buffers, written ---- */

typedef struct message {
    char bytes[1024];
    size_t size;
} message;

static void add_varint(message *m, uint64_t value) {
    for (; value > 127; value >>= 7)
        m->bytes[m->size++] = (char)(value | 128);
    m->bytes[m->size++] = (char)value;
}

static void number(message *m, unsigned field, uint64_t value) {
    add_varint(m, field << 3);
    add_varint(m, value);
}

static void bytes(message *m, unsigned field, const void *data, size_t size) {
    add_varint(m, field << 3 | 2);
    add_varint(m, size);
    memcpy(m->bytes + m->size, data, size);
    m->size += size;
}

static void text(message *m, unsigned field, const char *words) {
    bytes(m, field, words, strlen(words));
}

static void inside(message *m, unsigned field, const message *part) {
    bytes(m, field, part->bytes, part->size);
}

/* A tensor of that shape under a name, as graphs have their inputs; 0: any, which has a name. */
static message value(const char *name, const int dims[4]) {
    message shape = {.size = 0}, tensor = {.size = 0}, type = {.size = 0}, out = {.size = 0};
    for (int i = 0; i < 4; i++) {
        message dim = {.size = 0};
        if (dims[i] > 0)
            number(&dim, 1, (uint64_t)dims[i]);
        else
            text(&dim, 2, "any");
        inside(&shape, 1, &dim);
    }
    number(&tensor, 1, 1);
    inside(&tensor, 2, &shape);
    inside(&type, 1, &tensor);
    text(&out, 1, name);
    inside(&out, 2, &type);
    return out;
}

/* Weights of a type, 2 x 3; at `location`, or in the file. */
static message weights(uint64_t type, const char *location) {
    message out = {.size = 0}, entry = {.size = 0};
    bytes(&out, 1, "\2\3", 2);
    number(&out, 2, type);
    text(&out, 8, "w");
    if (!location) {
        bytes(&out, 9, "123456789012", 12);
        return out;
    }
    text(&entry, 1, "location");
    text(&entry, 2, location);
    inside(&out, 13, &entry);
    number(&out, 14, 1);
    return out;
}

typedef struct network {
    int dims[4];
    const char *operation, *location;
    uint64_t type;
} network;

static const network usual = {.dims = {0, 3, 64, 96}, .operation = "Conv", .type = 1};

static message file_of(const network *n) {
    message node = {.size = 0}, graph = {.size = 0}, model = {.size = 0}, opset = {.size = 0};
    const message in = value("image", n->dims), out = value("mask", n->dims),
                  weight = weights(n->type, n->location);
    text(&node, 1, "image");
    text(&node, 4, n->operation);
    inside(&graph, 1, &node);
    text(&graph, 2, "shown");
    inside(&graph, 5, &weight);
    inside(&graph, 11, &in);
    inside(&graph, 12, &out);
    number(&model, 1, 8);
    text(&model, 2, "a test");
    inside(&model, 7, &graph);
    number(&opset, 2, 17);
    inside(&model, 8, &opset);
    return model;
}

static void put_bytes(const char *name, const message *m, size_t size) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(m->bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static bt_onnx_facts facts_of(const network *n) {
    bt_onnx_facts facts;
    bt_error error = {0};
    const message m = file_of(n);
    put_bytes("net.onnx", &m, m.size);
    must(bt_onnx_file_read(&facts, "net.onnx", &error), &error);
    return facts;
}

/* ---- the promises ---- */

static void its_images_and_numbers_are_read(void **state) {
    (void)state;
    network n = usual;
    bt_onnx_facts facts = facts_of(&n);
    assert_true(facts.batch == 0 && facts.channels == 3 && facts.height == 64 && facts.width == 96);
    assert_int_equal(facts.floats, 6);
    assert_string_equal(bt_onnx_file_numbers(&facts), "FP32");
    n.type = 10;
    facts = facts_of(&n);
    assert_string_equal(bt_onnx_file_numbers(&facts), "FP16");
    static const char *const quantised[] = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
                                            "QLinearConv", "ConvInteger"};
    for (size_t i = 0; i < sizeof quantised / sizeof *quantised; i++) {
        n = usual;
        n.operation = quantised[i];
        facts = facts_of(&n);
        assert_string_equal(bt_onnx_file_numbers(&facts), "INT8 and FP32 (quantised)");
    }
}

static void a_model_takes_its_size_and_batch_from_it(void **state) {
    (void)state;
    bt_model model;
    bt_error error = {0};
    network n = usual;
    n.dims[0] = 2;
    (void)facts_of(&n);
    must(bt_model_describe(&model, "mine", "net.onnx", &error), &error);
    assert_int_equal(model.kind, BT_MODEL_ONNX);
    assert_true(model.compiled_height == 64 && model.compiled_width == 96 && model.input_size == 0);
    assert_true(model.batches.count == 1 && model.batches.sizes[0] == 2);
    must(bt_model_check_files(&model, &error), &error);
    must(bt_model_check_size(&model, 64, 96, &error), &error);
    assert_int_equal(bt_model_check_size(&model, 96, 96, &error), BT_INVALID);
    says(error.message, "mine: net.onnx takes images of 64 x 96 pixels, not of 96 x 96");
    n.dims[3] = 64;
    (void)facts_of(&n);
    must(bt_model_describe(&model, "mine", "net.onnx", &error), &error);
    assert_int_equal(model.input_size, 64);
    assert_int_equal(bt_model_describe(&model, "mine", "net-{batch}.onnx", &error), BT_INVALID);
}

/* Everything that can be cut off a good file leaves one that is refused, in a line that says so. */
static void a_file_cut_short_is_refused(void **state) {
    (void)state;
    bt_onnx_facts facts;
    const message m = file_of(&usual);
    for (size_t size = 0; size < m.size; size++) {
        bt_error error = {0};
        put_bytes("cut.onnx", &m, size);
        const bt_status status = bt_onnx_file_read(&facts, "cut.onnx", &error);
        if (status == BT_OK && size > m.size - 5) continue; /* only what follows the graph is gone */
        assert_int_equal(status, BT_PARSE);
        assert_null(strchr(error.message, '\n'));
    }
}

/* Wrong bytes are refused or read, and nothing else happens (the sanitizers look on). */
static void wrong_bytes_do_no_harm(void **state) {
    (void)state;
    bt_onnx_facts facts;
    message m = file_of(&usual);
    for (size_t i = 0; i < m.size; i++)
        for (int wrong = 1; wrong < 256; wrong *= 15) {
            bt_error error = {0};
            m.bytes[i] = (char)(m.bytes[i] ^ wrong);
            put_bytes("wrong.onnx", &m, m.size);
            const bt_status status = bt_onnx_file_read(&facts, "wrong.onnx", &error);
            assert_true(status == BT_OK || status == BT_PARSE);
            m.bytes[i] = (char)(m.bytes[i] ^ wrong);
        }
}

static void what_is_none_is_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *contents, *words;
    } cases[] = {
        {"", "others.onnx: is no ONNX file"},
        {"a text, as people write it", "is no ONNX file"},
        {"PK\3\4 and more", "an archive, not ONNX: the name of a TorchScript file must end in .pt"},
        {"\x89PNG\r\n\x1a\n", "is no ONNX file"},
        {"{\"input_size\": 64}", "is no ONNX file"},
        {"\x08\x08", "no ONNX network: it has no operations"},
    };
    bt_onnx_facts facts;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_error error = {0};
        put("others.onnx", cases[i].contents);
        assert_int_equal(bt_onnx_file_read(&facts, "others.onnx", &error), BT_PARSE);
        says(error.message, cases[i].words);
    }
    bt_error error = {0};
    assert_int_equal(bt_onnx_file_read(&facts, ".", &error), BT_IO);
    const message m = file_of(&usual);
    put_bytes("net.pt", &m, m.size);
    bt_model model;
    must(bt_model_describe(&model, "mine", "net.pt", &error), &error);
    assert_int_equal(bt_model_check_files(&model, &error), BT_PARSE);
    says(error.message, "net.pt: an ONNX network: its name must end in .onnx");
}

static uint64_t hash_of(const char *file) {
    bt_model model;
    bt_error error;
    uint64_t hash;
    must(bt_model_describe(&model, "mine", file, &error), &error);
    must(bt_model_hash(&model, &hash, &error), &error);
    return hash;
}

/* And they count as the file's own: a config tells that they have changed. */
static void weights_beside_it_must_be_there(void **state) {
    (void)state;
    bt_error error = {0};
    network n = usual;
    n.location = "net.onnx.data";
    bt_onnx_facts facts = facts_of(&n);
    assert_string_equal(facts.external, "net.onnx.data");
    assert_int_equal(bt_onnx_file_check("net.onnx", &error), BT_PARSE);
    says(error.message, "net.onnx: its weights lie in \"net.onnx.data\", which is not beside it");
    put("net.onnx.data", "numbers");
    must(bt_onnx_file_check("net.onnx", &error), &error);
    const uint64_t before = hash_of("net.onnx");
    assert_true(hash_of("net.onnx") == before);
    put("net.onnx.data", "Numbers");
    assert_true(hash_of("net.onnx") != before);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_images_and_numbers_are_read),
        cmocka_unit_test(a_model_takes_its_size_and_batch_from_it),
        cmocka_unit_test(a_file_cut_short_is_refused),
        cmocka_unit_test(wrong_bytes_do_no_harm),
        cmocka_unit_test(what_is_none_is_told_apart),
        cmocka_unit_test(weights_beside_it_must_be_there),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
