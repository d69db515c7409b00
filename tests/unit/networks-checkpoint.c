/* Users' checkpoints: what the field's writers make is read exactly, what does not fit the network is refused
 * by name, and a stranger's file can run nothing. The files: tools/python/make_test_checkpoints.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "networks/checkpoint-open.h"
#include "networks/weights.h"

#define FOLDER "tests/checkpoints/"

static bt_parameter tiny_parameters[] = {
    {.name = "a.weight", .role = BT_PARAMETER_WEIGHT, .rank = 4, .dims = {2, 3, 3, 3}, .count = 54},
    {.name = "b.weight", .role = BT_PARAMETER_SCALE, .rank = 1, .dims = {5}, .count = 5},
};
static const bt_network tiny = {
    .name = "tiny", .title = "Tiny", .parameters = tiny_parameters, .parameter_count = 2};

/* The file's numbers times `factor`, and that the weights call themselves `source`. */
static bt_weights *read_times(const char *name, float factor, const char *source) {
    char path[256];
    bt_weights *weights;
    bt_error error;
    snprintf(path, sizeof path, FOLDER "%s", name);
    if (bt_weights_check(&tiny, path, &error) != BT_OK) fail_msg("checked: %s", error.message);
    if (bt_weights_open(&weights, &tiny, path, &error) != BT_OK) fail_msg("%s", error.message);
    for (int i = 0; i < 54; i++)
        if (weights->values[0][i] != ((float)i / 4 - 6) * factor)
            fail_msg("%s: a.weight[%d] is %g", name, i, (double)weights->values[0][i]);
    for (int i = 0; i < 5; i++)
        if (weights->values[1][i] != (1 - (float)i / 8) * factor)
            fail_msg("%s: b.weight[%d] is %g", name, i, (double)weights->values[1][i]);
    assert_string_equal(weights->source, source);
    assert_true(weights->trained);
    return weights;
}

static void read_exactly(const char *name) {
    const char *slash = strrchr(name, '/');
    bt_weights *weights = read_times(name, 1, slash ? slash + 1 : name);
    assert_string_equal(weights->note, "");
    bt_weights_close(&weights);
}

/* The last name is NULL. */
static void all_read_exactly(const char *const *names) {
    for (; *names; names++)
        read_exactly(*names);
}

static void refused(const char *name, bt_status status, const char *why) {
    char path[256];
    bt_weights *weights;
    bt_error error;
    char file[256];
    snprintf(path, sizeof path, FOLDER "%s", name);
    snprintf(file, sizeof file, "%.*s", (int)strcspn(name, ":"), name);
    const bt_status got = bt_weights_open(&weights, &tiny, path, &error);
    if (got != status || !strstr(error.message, why))
        fail_msg("%s: wanted %s with \"%s\", got %s: %s", name, bt_status_name(status), why,
                 bt_status_name(got), got == BT_OK ? "" : error.message);
    assert_non_null(strstr(error.message, file));
    assert_null(weights);
}

/* Files that cannot be read, and what the message says; the last has no name. */
static void all_refused(const refusal *files) {
    for (; files->given; files++)
        refused(files->given, BT_PARSE, files->message);
}

static void safetensors_are_read_in_every_floating_type(void **state) {
    (void)state;
    all_read_exactly((const char *const[]){"float32.safetensors", "float16.safetensors",
                                           "bfloat16.safetensors", "float64.safetensors", NULL});
}

static void a_state_dictionary_is_found_wherever_it_lies(void **state) {
    (void)state;
    read_exactly("bare.pth");
    read_exactly("model-state-dict.pth");
    read_exactly("state-dict.pth");
    read_exactly("model.pth");
    read_exactly("parameters.pth");
    read_exactly("protocol-4.pth");
    read_exactly("net.pth");
    read_exactly("dotted-key.pth"); /* "model.state_dict" */
    read_exactly("deep.pth");       /* runs.0.best.generator.weights */
    read_exactly("shared.pth");     /* the same one under two keys */
    read_exactly("parts.pth");      /* a dictionary for each part of the network */
    read_exactly("average.pth");    /* an attribute of an object */
}

static void a_pickled_module_is_its_state_dictionary(void **state) {
    (void)state;
    all_read_exactly((const char *const[]){"module.pth", "module-within.pth", "legacy-module.pth", NULL});
}

static void parts_that_wrappers_put_into_names_do_not_count(void **state) {
    (void)state;
    read_exactly("averaged.pth");
    read_exactly("compiled-part.pth");
    read_exactly("sharded-wrappers.pth");
    read_exactly("lightning.pth"); /* "net." before the names, "loss." and "metric." beside them */
}

static void what_counts_or_measures_is_passed_over(void **state) {
    (void)state;
    read_exactly("profiled.pth");
}

static void what_no_tensor_needs_is_passed_over_in_every_protocol(void **state) {
    (void)state;
    all_read_exactly((const char *const[]){"everything-1.pth", "everything-2.pth", "everything-3.pth",
                                           "everything-4.pth", "everything-5.pth", "legacy-everything.pth",
                                           NULL});
}

static void of_several_that_are_there_the_usual_one_is_taken_and_named(void **state) {
    (void)state;
    bt_weights *weights = read_times("state-and-ema.pth", 1, "state-and-ema.pth:state_dict");
    assert_string_equal(weights->note,
                        "state-and-ema.pth holds the network several times: \"state_dict\" was "
                        "taken; there is \"ema\" too: FILE:ema is that");
    bt_weights_close(&weights);
    weights = read_times("params-and-ema.pth", 2, "params-and-ema.pth:params");
    assert_non_null(strstr(weights->note, "FILE:params_ema"));
    bt_weights_close(&weights);
    weights = read_times("flat-average.pth", 1, "flat-average.pth:model");
    assert_non_null(strstr(weights->note, "FILE:ema"));
    bt_weights_close(&weights);
}

/* The second of two, and which was taken is said all the same. */
static void second_is_taken(const char *name, const char *place) {
    char source[128];
    snprintf(source, sizeof source, "%s:%s", name, place);
    bt_weights *weights = read_times(name, 1, source);
    assert_non_null(strstr(weights->note, "was taken"));
    bt_weights_close(&weights);
}

static void moments_gradients_and_starts_come_last(void **state) {
    (void)state;
    second_is_taken("optimizer-first.pth", "net");
    second_is_taken("exp_avg-first.pth", "best");
    second_is_taken("grads-first.pth", "best");
    second_is_taken("initial_state-first.pth", "best");
    second_is_taken("optimState-first.pth", "best");
    second_is_taken("accumulated_gradients-first.pth", "best");
    second_is_taken("init_weights-first.pth", "best");
    second_is_taken("velocity-first.pth", "best");
    second_is_taken("wgrad-first.pth", "best");
    second_is_taken("moments-within.pth", "state_dict.optimal");
    bt_weights_close(&(bt_weights *){
        read_times("teacher-and-student.pth", 2, "teacher-and-student.pth:state_dict.teacher")});
}

static void what_can_be_read_is_taken_rather_than_what_cannot(void **state) {
    (void)state;
    read_exactly("unreadable-first.pth");
}

static void read_place(const char *name, float factor) {
    bt_weights *weights = read_times(name, factor, name);
    assert_string_equal(weights->note, "");
    bt_weights_close(&weights);
}

static void of_several_the_one_that_is_asked_for_is_taken(void **state) {
    (void)state;
    read_place("params-and-ema.pth:params_ema", 1);
    read_place("params-and-ema.pth:params", 2);
    read_place("flat-average.pth:ema", 2);
    read_place("state-and-ema.pth:ema", 2);
    bt_weights_close(&(bt_weights *){read_times("state-and-ema.pth:ema.module", 2, "state-and-ema.pth:ema")});
    bt_weights_close(&(bt_weights *){read_times("net.pth:net", 1, "net.pth")});
    refused(
        "params-and-ema.pth:best", BT_INVALID,
        "params-and-ema.pth: no tensor of Tiny's lies under \"best\", but under \"params\", \"params_ema\"");
}

static void a_file_may_have_colons_in_its_name(void **state) {
    (void)state;
    char from[256], to[] = "/tmp/checkpoint-XXXXXX:ema";
    bt_weights *weights;
    bt_error error;
    const int made = mkstemps(to, 4);
    assert_true(made >= 0);
    close(made);
    assert_int_equal(unlink(to), 0);
    assert_non_null(realpath(FOLDER "params-and-ema.pth", from));
    assert_int_equal(symlink(from, to), 0);
    assert_int_equal(bt_weights_open(&weights, &tiny, to, &error), BT_OK);
    assert_true(weights->values[1][0] == 2.0F); /* the usual place: ":ema" is the file's name */
    bt_weights_close(&weights);
    assert_int_equal(unlink(to), 0);
}

static void torch_files_are_read_in_every_floating_type(void **state) {
    (void)state;
    all_read_exactly((const char *const[]){"half.pth", "bfloat16.pth", "double.pth", NULL});
}

static void tensors_may_share_a_storage_in_any_order(void **state) {
    (void)state;
    all_read_exactly((const char *const[]){"views.pth", "legacy-views.pth", NULL});
}

/* Row i, column j of the checkpoint's tensor is `first` + i * `down` + j * `right`. */
static void check_matrix(const bt_checkpoint *checkpoint, const char *name, const int64_t dims[2],
                         float first, float down, float right) {
    float values[16];
    bt_error error;
    int at = 0;
    while (at < checkpoint->tensor_count && strcmp(checkpoint->tensors[at].name, name) != 0)
        at++;
    assert_true(at < checkpoint->tensor_count);
    const bt_stored_tensor *tensor = &checkpoint->tensors[at];
    assert_true(tensor->rank == 2 && tensor->dims[0] == dims[0] && tensor->dims[1] == dims[1]);
    assert_int_equal(bt_checkpoint_read(checkpoint, tensor, values, &error), BT_OK);
    for (int i = 0; i < dims[0]; i++)
        for (int j = 0; j < dims[1]; j++)
            if (values[i * dims[1] + j] != first + (float)i * down + (float)j * right)
                fail_msg("%s[%d][%d] is %g", name, i, j, (double)values[i * dims[1] + j]);
}

static void strides_of_any_kind_are_followed(void **state) {
    (void)state;
    bt_checkpoint *checkpoint;
    bt_error error;
    assert_int_equal(bt_checkpoint_open(&checkpoint, FOLDER "expanded.pth", &error), BT_OK);
    check_matrix(checkpoint, "e", (int64_t[]){3, 5}, 0.5F, 0, 0); /* strides of zero */
    check_matrix(checkpoint, "o", (int64_t[]){3, 3}, 0, 1, 1);    /* rows that overlap */
    check_matrix(checkpoint, "s", (int64_t[]){2, 2}, 4, 4, 2);    /* every other one of later rows */
    check_matrix(checkpoint, "t", (int64_t[]){3, 2}, 0, 1, 3);    /* turned around */
    bt_checkpoint_close(&checkpoint);
}

static void flags_and_wrappings_of_tensors_are_heeded(void **state) {
    (void)state;
    all_read_exactly((const char *const[]){"negated.pth", "legacy-negated.pth", "with-attributes.pth",
                                           "subclass.pth", "buffers.pth", "moved.pth", NULL});
    read_exactly("imaginary.pth"); /* the imaginary part of a conjugate: torch keeps the sign as a flag */
}

static void what_cannot_be_read_is_refused_where_it_is_needed(void **state) {
    (void)state;
    all_read_exactly((const char *const[]){"odd-beside.pth", "odd-beside.safetensors", "odd-unused.pth",
                                           "odd-unused.safetensors", NULL});
    static const refusal files[] = {
        {"needs-float8.pth", "tensor \"b.weight\" is of type float8_e4m3fn, which is not read"},
        {"needs-float8-e5m2.pth", "tensor \"b.weight\" is of type float8_e5m2, which is not read"},
        {"needs-float8.safetensors", "tensor \"b.weight\" is of type F8_E5M2, which is not read"},
        {"needs-complex.pth", "tensor \"b.weight\" is of type complex64"},
        {"needs-sparse.pth", "tensor \"b.weight\" is sparse: save it after to_dense()"},
        {"needs-quantised.pth", "tensor \"b.weight\" is quantised: save it after dequantize()"},
        {"needs-meta.pth", "tensor \"b.weight\" has no numbers: it was saved from the meta device"},
        {"needs-nested.pth", "tensor \"b.weight\" is a nested tensor"},
        {"protocol-0.pth", "was saved by pickle protocol 0"},
        {NULL, NULL},
    };
    all_refused(files);
}

/* torch.save's older format, as torches of every age wrote it. */
static void files_from_before_1_6_are_read(void **state) {
    (void)state;
    all_read_exactly((const char *const[]){"before-1.6.pth", "legacy-half.pth", "legacy-bfloat16.pth",
                                           "legacy-protocol-1.pth", "legacy-protocol-3.pth",
                                           "legacy-protocol-4.pth", "legacy-protocol-5.pth",
                                           "legacy-python-2.pth", NULL});
    read_exactly("legacy-storage-views.pth"); /* torch before 0.4 */
    read_exactly("legacy-cuda.pth");          /* torch.cuda.FloatStorage */
    /* It says so, and has its lowest bytes first all the same, as torch does. */
    read_exactly("legacy-big-endian.pth");
}

static void a_checkpoint_may_lie_in_several_files(void **state) {
    (void)state;
    read_exactly("shards/model.safetensors.index.json");
    read_exactly("shards/pytorch_model.bin.index.json");
    read_exactly("shards/large.index.json"); /* a size that 64 bits do not hold */
    bt_weights *weights = read_times("shards/twice.index.json", 1, "twice.index.json:model");
    assert_non_null(strstr(weights->note, "there is \"other\" too")); /* at the same place of another file */
    bt_weights_close(&weights);
    refused("shards/absent.index.json", BT_INVALID,
            "its part \"model-00003-of-00003.safetensors\" is missing: put it into the same folder");
    refused("shards/outside.index.json", BT_PARSE,
            "weight_map has \"../float32.safetensors\", which is no file beside it");
    refused("shards/within.index.json", BT_PARSE, "JSON in place of a file with tensors");
    refused("shards/wrong.index.json", BT_PARSE,
            "tensor \"model.c.weight\" is not in model-00002-of-00002.safetensors, as it says");
    refused("shards/model-00001-of-00002.safetensors", BT_INVALID,
            "1 of Tiny's 2 tensors are missing under \"model\", \"b.weight\" (5) first");
}

static void the_same_numbers_have_the_same_hash(void **state) {
    (void)state;
    bt_weights *one, *other;
    bt_error error;
    assert_int_equal(bt_weights_open(&one, &tiny, FOLDER "double.pth", &error), BT_OK);
    assert_int_equal(bt_weights_open(&other, &tiny, FOLDER "bfloat16.safetensors", &error), BT_OK);
    assert_int_equal(one->hash, other->hash);
    bt_weights_close(&one);
    bt_weights_close(&other);
    assert_int_equal(bt_weights_open(&other, &tiny, "counter:1", &error), BT_OK);
    bt_weights_close(&other);
}

static void what_does_not_fit_is_refused_by_name(void **state) {
    (void)state;
    refused("missing.pth", BT_INVALID, "1 of Tiny's 2 tensors are missing, \"b.weight\" (5) first");
    refused("missing.safetensors", BT_INVALID, "1 of Tiny's 2 tensors are missing, \"b.weight\" (5) first");
    refused("extra.pth", BT_INVALID, "Tiny has no tensor \"c.bias\"");
    refused("mis-shaped.pth", BT_INVALID, "tensor \"b.weight\" is 4 where Tiny has 5");
    refused("twice.pth", BT_INVALID, "has tensor \"module.b.weight\" twice");
    refused("integers.pth", BT_PARSE, "tensor \"b.weight\" holds no floating-point numbers, but int64");
    refused("integers.safetensors", BT_PARSE, "tensor \"b.weight\" holds no floating-point numbers, but I64");
    refused(
        "other-network.pth:net", BT_INVALID,
        "2 of Tiny's 2 tensors are missing under \"net\", \"a.weight\" first: it holds \"net\" (3 tensors)");
    refused("missing.pth:nowhere", BT_INVALID, "tensors are missing under \"nowhere\"");
    refused(
        "other-network.pth", BT_INVALID,
        "2 of Tiny's 2 tensors are missing, \"a.weight\" first: it holds \"net\" (3 tensors), \"epoch\" (a "
        "number), \"note\" (a text)");
}

static void another_kind_of_file_is_told_apart(void **state) {
    (void)state;
    refused("no-dictionary.pth", BT_PARSE,
            "holds no dictionary of tensors, but a list of 2: it holds \"0\" (a tensor), \"1\" (a tensor)");
    refused(
        "no-tensors.pth", BT_PARSE,
        "holds no dictionary of tensors, but a dictionary of 3: it holds \"epoch\" (a number), \"foo\" (a "
        "dictionary of 2), \"text\" (a text)");
    refused("numpy-beside.pth", BT_INVALID,
            "it holds \"epoch\" (a number), \"foo\" (a dictionary of 1), \"arr\" (a numpy array)");
    refused("numpy.pth", BT_PARSE, "tensor \"params.a.weight\" is a numpy array: save tensors");
    refused("numpy-5.pth", BT_PARSE, "tensor \"a.weight\" is a numpy array: save tensors");
    refused("tar.pth", BT_UNSUPPORTED, "a tar archive, which torch.save wrote before 0.1.10");
    refused("program.pt", BT_PARSE, "a TorchScript program, not a state dictionary");
    refused("compressed.pth", BT_PARSE, "has a storage that is compressed");
}

static void a_hostile_pickle_is_named_and_runs_nothing(void **state) {
    (void)state;
    unlink("it-was-run");
    refused("hostile.pth", BT_PARSE, "holds a Python object, posix.system");
    assert_int_not_equal(access("it-was-run", F_OK), 0);
}

static void a_file_that_is_not_there_is_said_to_be_none(void **state) {
    (void)state;
    bt_weights *weights;
    bt_error error;
    assert_int_equal(bt_weights_open(&weights, &tiny, "no/such.pth", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "\"no/such.pth\": there is no such file"));
    assert_int_equal(bt_weights_open(&weights, &tiny, "no/such.pth:ema", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "there is no such file, nor \"no/such.pth\";"));
    assert_int_equal(bt_weights_open(&weights, &tiny, "a:b/such.pth", &error), BT_INVALID);
    assert_null(strstr(error.message, "nor")); /* a folder's colon comes before no place */
    assert_int_equal(bt_weights_check(&tiny, FOLDER "half.pth:", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "half.pth:\": no place stands behind the colon"));
    assert_int_equal(bt_weights_open(&weights, &tiny, FOLDER, &error), BT_IO);
    assert_non_null(strstr(error.message, "is a folder, not a file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_are_read_in_every_floating_type),
        cmocka_unit_test(a_state_dictionary_is_found_wherever_it_lies),
        cmocka_unit_test(a_pickled_module_is_its_state_dictionary),
        cmocka_unit_test(parts_that_wrappers_put_into_names_do_not_count),
        cmocka_unit_test(what_counts_or_measures_is_passed_over),
        cmocka_unit_test(what_no_tensor_needs_is_passed_over_in_every_protocol),
        cmocka_unit_test(of_several_that_are_there_the_usual_one_is_taken_and_named),
        cmocka_unit_test(moments_gradients_and_starts_come_last),
        cmocka_unit_test(what_can_be_read_is_taken_rather_than_what_cannot),
        cmocka_unit_test(of_several_the_one_that_is_asked_for_is_taken),
        cmocka_unit_test(a_file_may_have_colons_in_its_name),
        cmocka_unit_test(torch_files_are_read_in_every_floating_type),
        cmocka_unit_test(tensors_may_share_a_storage_in_any_order),
        cmocka_unit_test(strides_of_any_kind_are_followed),
        cmocka_unit_test(flags_and_wrappings_of_tensors_are_heeded),
        cmocka_unit_test(what_cannot_be_read_is_refused_where_it_is_needed),
        cmocka_unit_test(files_from_before_1_6_are_read),
        cmocka_unit_test(a_checkpoint_may_lie_in_several_files),
        cmocka_unit_test(the_same_numbers_have_the_same_hash),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
        cmocka_unit_test(another_kind_of_file_is_told_apart),
        cmocka_unit_test(a_hostile_pickle_is_named_and_runs_nothing),
        cmocka_unit_test(a_file_that_is_not_there_is_said_to_be_none),
    };
    return cmocka_run_group_tests_name("networks/checkpoint", tests, NULL, NULL);
}
