/* What a model is, built in or a file: its NAME.json is checked key by key, and its archive is told apart
 * from everything that people mistake for one, without running anything of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zip.h>

#include "expect.h"
#include "networks/model.h"
#include "scratch.h"

static char folder[BT_PATH_SIZE - 64]; /* where the files are: absolute, as paths are given */

static const char *at(const char *name) {
    static char path[BT_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* An archive with entries of those names, NULL-terminated. */
static void put_archive(const char *name, const char *const *entries) {
    zip_t *zip = zip_open(at(name), ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    for (; *entries; entries++)
        assert_true(zip_file_add(zip, *entries, zip_source_buffer(zip, "contents", 8, 0), ZIP_FL_OVERWRITE) >=
                    0);
    for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0); i++)
        zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0);
    assert_int_equal(zip_close(zip), 0);
}

static const char *const script[] = {"net/constants.pkl", "net/code/__torch__.py", "net/data.pkl", NULL};
static const char *const compiled[] = {"net/data/aotinductor/model/x.wrapper.so", "net/archive_format", NULL};
static const char *const exported[] = {"net/models/model.json", "net/archive_format", NULL};
static const char *const state_dict[] = {"net/data.pkl", "net/data/0", NULL};
static const char *const other[] = {"readme.txt", NULL};

static bt_model described(const char *name, const char *file) {
    bt_model model;
    bt_error error = {0};
    if (bt_model_describe(&model, name, file, &error)) fail_msg("%s", error.message);
    return model;
}

static void a_built_in_network_is_described_by_its_name(void **state) {
    (void)state;
    bt_error error = {0};
    bt_model model = described("hrnet", "");
    assert_int_equal(model.kind, BT_MODEL_NETWORK);
    assert_string_equal(model.title, "HRNet");
    assert_int_equal(model.size_multiple, 32);
    assert_int_equal(bt_model_check_size(&model, 64, 96, &error), BT_OK);
    assert_int_equal(bt_model_check_size(&model, 65, 96, &error), BT_INVALID);
    assert_int_equal(bt_model_check_files(&model, &error), BT_OK);
    assert_int_equal(bt_model_describe(&model, "mine", NULL, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "hrnet, cbam_resunet"));
}

static void a_file_says_what_its_input_is_or_the_usual_holds(void **state) {
    (void)state;
    bt_error error = {0};
    bt_model model = described("plain", at("net.pt"));
    assert_int_equal(model.kind, BT_MODEL_TORCHSCRIPT);
    assert_string_equal(model.title, "plain");
    assert_int_equal(model.input_size, 0);
    assert_memory_equal(&model.norm, &bt_image_imagenet, sizeof model.norm);
    assert_int_equal(bt_model_check_size(&model, 65, 97, &error), BT_OK);
    assert_int_equal(bt_model_check_size(&model, 65, 16385, &error), BT_INVALID);
    put("said.json",
        "{\"_note\": \"mine\", \"input_size\": 96, \"mean\": [0.5, 0.25, 0], \"std\": [1, 2, 0.5]}");
    model = described("said", at("net.pt2"));
    assert_int_equal(model.kind, BT_MODEL_PACKAGES);
    assert_int_equal(model.input_size, 96);
    assert_true(model.norm.mean[0] == 0.5f && model.norm.mean[1] == 0.25f && model.norm.mean[2] == 0);
    assert_true(model.norm.std[0] == 1 && model.norm.std[1] == 2 && model.norm.std[2] == 0.5f);
    put("half.json", "{\"std\": [1, 1, 1]}");
    model = described("half", at("net.pt"));
    assert_memory_equal(model.norm.mean, bt_image_imagenet.mean, sizeof model.norm.mean);
    assert_true(model.norm.std[2] == 1);
}

static void a_file_says_whether_it_gives_probabilities(void **state) {
    (void)state;
    assert_int_equal(described("logits", at("net.pt")).output, BT_OUTPUT_LOGITS);
    put("logits.json", "{\"output\": \"logits\"}");
    assert_int_equal(described("logits", at("net.pt")).output, BT_OUTPUT_LOGITS);
    put("probable.json", "{\"output\": \"probabilities\"}");
    assert_int_equal(described("probable", at("net.pt")).output, BT_OUTPUT_PROBABILITIES);
    assert_true(bt_model_threshold(BT_OUTPUT_LOGITS) == 0);
    assert_true(bt_model_threshold(BT_OUTPUT_PROBABILITIES) == 0.5f);
}

static void a_file_says_which_map_is_made_of_what_it_gives(void **state) {
    (void)state;
    bt_model_map map = described("usual", at("net.pt")).map;
    assert_int_equal(map.channels, 0);
    assert_string_equal(map.tensor, "");
    assert_int_equal(map.tensor_number, -1);
    assert_int_equal(map.class_count, 0);
    assert_false(map.sigmoid);
    put("named.json",
        "{\"output\": \"out\", \"classes\": [\"ground\", \"cell\", \"border\"], \"mask\": [\"cell\", 2]}");
    map = described("named", at("net.pt")).map;
    assert_string_equal(map.tensor, "out");
    assert_int_equal(map.class_count, 3);
    assert_true(!map.in_mask[0] && map.in_mask[1] && map.in_mask[2] && !map.in_mask[3]);
    put("grey.json",
        "{\"channels\": 1, \"mean\": [0.5], \"std\": [2], \"output\": 1, \"outputs\": \"probabilities\", "
        "\"activation\": \"sigmoid\", \"mask\": 4}");
    const bt_model model = described("grey", at("net.pt"));
    assert_int_equal(model.map.channels, 1);
    assert_int_equal(model.map.tensor_number, 1);
    assert_int_equal(model.output, BT_OUTPUT_PROBABILITIES);
    assert_true(model.map.sigmoid && model.map.in_mask[4]);
    assert_true(model.norm.mean[2] == 0.5f && model.norm.std[1] == 2);
}

static void assert_near(double got, double wanted) {
    if (fabs(got - wanted) > 1e-6 * (1 + fabs(wanted))) fail_msg("%.9g is not %.9g", got, wanted);
}

/* What a byte becomes, as whoever prepares pictures computes it. */
static double becomes(const bt_model *model, int byte, int channel) {
    float scale[3], offset[3];
    bt_image_norm_factors(&model->norm, scale, offset);
    return (double)((float)byte * scale[channel] + offset[channel]);
}

static void a_file_says_how_pictures_go_in(void **state) {
    (void)state;
    bt_model model = described("usual", at("net.pt"));
    assert_true(!model.map.channels_last && model.map.dtype == BT_MODEL_FLOAT32);
    assert_true(model.map.pad_to_multiple == 0 && model.map.stride == 0);
    put("put.json", "{\"layout\": \"NHWC\", \"dtype\": \"float16\", \"pad_to_multiple\": 32, \"stride\": 4}");
    model = described("put", at("net.pt"));
    assert_true(model.map.channels_last && model.map.dtype == BT_MODEL_FLOAT16);
    assert_true(model.map.pad_to_multiple == 32 && model.map.stride == 4);
    assert_memory_equal(&model.norm, &bt_image_imagenet, sizeof model.norm);
    put("scaled.json",
        "{\"scale\": 1, \"mean\": [123.675, 116.28, 103.53], \"std\": [58.395, 57.12, 57.375]}");
    model = described("scaled", at("net.pt"));
    for (int c = 0; c < 3; c++) /* ImageNet's, in bytes */
        assert_near(becomes(&model, 200, c), becomes(&(bt_model){.norm = bt_image_imagenet}, 200, c));
    put("whole.json", "{\"scale\": 1}");
    model = described("whole", at("net.pt"));
    assert_near(becomes(&model, 0, 0), 0);
    assert_near(becomes(&model, 255, 2), 255);
    put("half.json", "{\"scale\": 0.5, \"channels\": 1, \"mean\": [10], \"std\": [2]}");
    model = described("half", at("net.pt"));
    assert_near(becomes(&model, 100, 1), (100 * 0.5 - 10) / 2);
    put("bytes.json", "{\"dtype\": \"uint8\"}");
    model = described("bytes", at("net.pt"));
    assert_int_equal(model.map.dtype, BT_MODEL_UINT8);
    for (int byte = 0; byte < 256; byte++)
        assert_near(becomes(&model, byte, 0), byte);
}

static void a_file_says_which_sizes_it_takes(void **state) {
    (void)state;
    bt_error error = {0};
    put("one.json", "{\"input_size\": 96}");
    bt_model model = described("one", at("net.pt"));
    assert_int_equal(bt_model_check_size(&model, 64, 64, &error), BT_OK); /* where to begin, not a limit */
    put("several.json", "{\"input_size\": [512, 256, 1024]}");
    model = described("several", at("net.pt"));
    assert_int_equal(model.input_size, 512);
    assert_int_equal(bt_model_check_size(&model, 256, 1024, &error), BT_OK);
    assert_int_equal(bt_model_check_size(&model, 256, 300, &error), BT_INVALID);
    assert_string_equal(error.message,
                        "several: images of 256 x 300 pixels; its JSON file's \"input_size\" has 512, 256 "
                        "or 1024 for each side");
    put("range.json", "{\"input_size\": {\"from\": 256, \"to\": 2048, \"step\": 32}}");
    model = described("range", at("net.pt"));
    assert_int_equal(model.input_size, 256);
    assert_int_equal(bt_model_check_size(&model, 2048, 288, &error), BT_OK);
    assert_int_equal(bt_model_check_size(&model, 224, 256, &error), BT_INVALID);
    assert_int_equal(bt_model_check_size(&model, 256, 2080, &error), BT_INVALID);
    assert_int_equal(bt_model_check_size(&model, 256, 272, &error), BT_INVALID);
    says(error.message, "256 to 2048 in steps of 32");
    put("any.json", "{\"input_size\": {\"from\": 64, \"to\": 128}}");
    model = described("any", at("net.pt"));
    assert_int_equal(bt_model_check_size(&model, 65, 128, &error), BT_OK);
}

/* As a file that tells them only when it is run is checked then. */
static void a_list_has_the_classes_that_are_said_of_it(void **state) {
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {{"{\"mask\": [7]}", "three.list: gives 3 classes; its JSON file's \"mask\" has number 7"},
                 {"{\"mask\": [0, 1, 2]}", "three.list: gives 3 classes, all of which \"mask\" has"},
                 {"{\"classes\": [\"a\", \"b\"]}", "three.list: gives 3 classes; its JSON file names 2"}};
    bt_model model;
    put("three.list", "y = conv(image) channels=3 weights=head\noutput y\n");
    assert_int_equal(described("three", at("three.list")).kind, BT_MODEL_NETWORK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_error error = {0};
        put("three.json", cases[i].json);
        assert_int_equal(bt_model_describe(&model, "three", at("three.list"), &error), BT_INVALID);
        if (!strstr(error.message, cases[i].words)) fail_msg("%s", error.message);
    }
}

/* NAME.json first, then that of the file's own name; where both are there and differ it is said which. */
static void the_files_own_name_does_where_the_models_is_not_there(void **state) {
    (void)state;
    bt_error error = {0};
    bt_model model;
    put("unet.json", "{\"input_size\": 96}");
    assert_int_equal(described("first", at("unet.pt")).input_size, 96);
    assert_int_equal(described("first", at("unet-{batch}.pt2")).input_size, 96);
    put("first.json", "{ \"input_size\": 96 }");
    model = described("first", at("unet.pt"));
    assert_int_equal(model.input_size, 96);
    assert_string_equal(model.input_note, "");
    put("first.json", "{\"input_size\": 64}");
    model = described("first", at("unet.pt"));
    assert_int_equal(model.input_size, 64);
    assert_string_equal(model.input_note,
                        "first.json says what its input is; unet.json beside it says something "
                        "else, and is not read");
    put("unet.json", "{\"epochs\": 10}"); /* somebody's training settings: read by nobody */
    assert_int_equal(described("first", at("unet.pt")).input_size, 64);
    assert_int_equal(bt_model_describe(&model, "second", at("unet.pt"), &error), BT_PARSE);
    assert_non_null(strstr(error.message, "second, without a second.json: "));
    assert_non_null(strstr(error.message, "epochs"));
    assert_string_equal(described("unet2", at("unet2.pt")).input_note, ""); /* both are one file */
}

/* A package with the text of the program that AOTInductor puts into it. */
static void put_package(const char *name, const char *text) {
    zip_t *zip = zip_open(at(name), ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    assert_true(zip_file_add(zip, "m/data/aotinductor/model/a.wrapper.so",
                             zip_source_buffer(zip, "contents", 8, 0), ZIP_FL_OVERWRITE) >= 0);
    assert_true(zip_file_add(zip, "m/data/aotinductor/model/a.wrapper.cpp",
                             zip_source_buffer(zip, text, strlen(text), 0), ZIP_FL_OVERWRITE) >= 0);
    assert_int_equal(zip_close(zip), 0);
}

#define COMPLAINT(dimension, expected)                                                                       \
    "    ss << \"input_handles[0]: unmatched dim value at " dimension ", \"\n"                               \
    "       << \"expected: " expected ", \" << \"but got: \" << size[" dimension "];\n"

static void a_package_says_what_images_it_takes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int height, width, input_size;
    } cases[] = {
        {COMPLAINT("0", "1") COMPLAINT("1", "3") COMPLAINT("2", "64") COMPLAINT("3", "64"), 64, 64, 64},
        {COMPLAINT("2", "64") COMPLAINT("3", "96"), 64, 96, 0},
        {COMPLAINT("0", "1") COMPLAINT("1", "3"), 0, 0, 0}, /* any size will do */
        {COMPLAINT("2", "64"), 0, 0, 0},
        {COMPLAINT("2", "0") COMPLAINT("3", "0"), 0, 0, 0},
        {COMPLAINT("2", "16385") COMPLAINT("3", "16385"), 0, 0, 0},
        {COMPLAINT("2", "x") COMPLAINT("3", "x"), 0, 0, 0},
        {"input_handles[0]: unmatched dim value at 2,", 0, 0, 0},
        {"", 0, 0, 0},
    };
    bt_error error = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_package("sized-2.pt2", cases[i].text);
        bt_model model = described("sized", at("sized-{batch}.pt2"));
        assert_int_equal(model.compiled_height, cases[i].height);
        assert_int_equal(model.compiled_width, cases[i].width);
        assert_int_equal(model.input_size, cases[i].input_size);
    }
    put_package("sized-2.pt2", cases[0].text);
    bt_model model = described("sized", at("sized-2.pt2"));
    assert_int_equal(model.input_size, 64);
    assert_int_equal(bt_model_check_size(&model, 64, 64, &error), BT_OK);
    assert_int_equal(bt_model_check_size(&model, 64, 96, &error), BT_INVALID);
    assert_string_equal(
        error.message,
        "sized: sized-2.pt2 was compiled for images of 64 x 64 pixels, not of 64 x 96: ask for "
        "those, or for none");
    put("sized.json", "{\"pad_to_multiple\": 64}");
    model = described("sized", at("sized-2.pt2"));
    assert_int_equal(bt_model_check_size(&model, 50, 64, &error), BT_OK); /* as it is padded */
    assert_int_equal(bt_model_check_size(&model, 50, 65, &error), BT_INVALID);
    put("sized.json", "{\"input_size\": [32, 64]}");
    assert_int_equal(described("sized", at("sized-2.pt2")).input_size, 64); /* what it was compiled for */
    put("sized.json", "{\"input_size\": 96}");
    assert_int_equal(described("sized", at("sized-2.pt2")).input_size,
                     96); /* and refused for its size later */
    assert_int_equal(described("sized", at("nothing.pt2")).compiled_height, 0);
}

static void what_is_odd_about_outputs_is_asked(void **state) {
    (void)state;
    static const float logits[] = {-3, 0, 0.25f, 1}, probabilities[] = {0, 0.5f, 0.75f, 1};
    char words[BT_MODEL_NOTE_SIZE];
    bt_output_range range = bt_model_range(BT_OUTPUT_LOGITS, logits, 4);
    assert_true(range.least == -3 && range.most == 1 && range.mask_share == 0.5);
    bt_model_question(words, true, BT_OUTPUT_LOGITS, &range);
    assert_string_equal(words, "");
    bt_model_question(words, true, BT_OUTPUT_PROBABILITIES, &range);
    assert_non_null(strstr(words, "reaches from -3 to 1: these are no probabilities"));
    range = bt_model_range(BT_OUTPUT_PROBABILITIES, probabilities, 4);
    assert_true(range.least == 0 && range.most == 1 && range.mask_share == 0.5);
    bt_model_question(words, true, BT_OUTPUT_PROBABILITIES, &range);
    assert_string_equal(words, "");
    bt_model_question(words, true, BT_OUTPUT_LOGITS, &range);
    assert_non_null(strstr(words, "say \"outputs\": \"probabilities\" in NAME.json"));
    bt_model_question(words, false, BT_OUTPUT_LOGITS, &range); /* a network of this house gives logits */
    assert_string_equal(words, "");
    range = bt_model_range(BT_OUTPUT_LOGITS, logits, 1);
    bt_model_question(words, false, BT_OUTPUT_LOGITS, &range);
    assert_non_null(strstr(words, "the masks of all pictures are empty"));
    range = bt_model_range(BT_OUTPUT_LOGITS, logits + 3, 1);
    bt_model_question(words, true, BT_OUTPUT_LOGITS, &range);
    assert_non_null(strstr(words, "the masks of all pictures are full"));
}

static void what_is_wrong_beside_a_file_is_named(void **state) {
    (void)state;
    static const refusal cases[] = {
        {"{\"input_sizes\": 96}", "did you mean \"input_size\"?"},
        {"{\"input_size\": 0}", "input_size"},
        {"{\"input_size\": 16385}", "input_size"},
        {"{\"input_size\": \"96\"}", "input_size"},
        {"{\"mean\": [0.5, 0.5]}", "mean has 2 numbers"},
        {"{\"mean\": 0.5}", "mean"},
        {"{\"mean\": [0.5, \"x\", 0.5]}", "mean[1]"},
        {"{\"mean\": [0.5, 0.5, 1e30]}", "mean[2]"},
        {"{\"std\": [0.5, 0, 0.5]}", "std[1]"},
        {"{\"std\": [-1, 1, 1]}", "std[0]"},
        {"{\"mean\": [0.5]}", "or \"channels\": 1 beside it"},
        {"{\"input_size\": []}", "input_size lists 0 sizes"},
        {"{\"input_size\": [256, 0]}", "input_size[1] is no whole number from 1 to 16384"},
        {"{\"input_size\": [256, \"512\"]}", "input_size[1]"},
        {"{\"input_size\": {\"from\": 256}}", "input_size: to is missing"},
        {"{\"input_size\": {\"from\": 256, \"to\": 128}}", "to"},
        {"{\"input_size\": {\"from\": 1, \"to\": 2, \"step\": 0}}", "step"},
        {"{\"input_size\": {\"from\": 1, \"to\": 2, \"by\": 1}}", "by"},
        {"{\"input_size\": true}", "input_size is one size, several, as [256, 512], or"},
        {"{\"scale\": 0}", "scale"},
        {"{\"scale\": \"1/255\"}", "scale"},
        {"{\"layout\": \"nhwc\"}", "layout is \"NCHW\" or \"NHWC\""},
        {"{\"dtype\": \"float64\"}", "dtype is \"float32\", \"float16\" or \"uint8\""},
        {"{\"dtype\": 8}", "dtype is"},
        {"{\"dtype\": \"uint8\", \"mean\": [0, 0, 0]}", "takes bytes as they are"},
        {"{\"pad_to_multiple\": 0}", "pad_to_multiple"},
        {"{\"pad_to_multiple\": 2048}", "pad_to_multiple"},
        {"{\"stride\": 65}", "stride"},
        {"{\"stride\": 1.5}", "stride"},
        {"{\"channels\": 2}", "channels is 3, of red, green and blue, or 1, their mean"},
        {"{\"channels\": 4}", "export a network of 4 inside one that makes them of 3"},
        {"{\"output\": null}", "output is the name of one tensor"},
        {"{\"output\": -1}", "output is the name of one tensor"},
        {"{\"output\": \"\"}", "output is the name of one tensor"},
        {"{\"outputs\": \"probability\"}", "outputs is \"logits\" or \"probabilities\""},
        {"{\"outputs\": 1}", "outputs is \"logits\" or \"probabilities\""},
        {"{\"activation\": \"relu\"}", "activation is \"softmax\" or \"sigmoid\""},
        {"{\"classes\": 3}", "classes"},
        {"{\"classes\": []}", "classes has 0 names; 1 to 256 are possible"},
        {"{\"classes\": [\"a\", 2]}", "classes[1] is no name of 1 to 63 bytes"},
        {"{\"classes\": [\"a\", \"b\", \"a\"]}", "classes[0] and [2] are both \"a\""},
        {"{\"classes\": [\"a\", \"b\"], \"mask\": \"c\"}", "mask names \"c\", which is no class"},
        {"{\"classes\": [\"a\", \"b\"], \"mask\": 2}", "no class"},
        {"{\"mask\": -1}", "no class"},
        {"{\"mask\": []}", "mask has none of the classes"},
        {"{\"classes\": [\"a\", \"b\"], \"mask\": [0, \"b\"]}", "mask has all of the classes"},
        {"{\"maks\": 1}", "did you mean \"mask\"?"},
        {"[1]", "wrong.json"},
        {"{", "wrong.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_model model;
        bt_error error = {0};
        put("wrong.json", cases[i].given);
        assert_int_equal(bt_model_describe(&model, "wrong", at("net.pt"), &error), BT_PARSE);
        refused_saying(&cases[i], error.message);
        says(error.message, "wrong.json");
    }
}

static void a_name_or_pattern_that_cannot_be_is_refused(void **state) {
    (void)state;
    bt_model model;
    bt_error error = {0};
    assert_int_equal(bt_model_describe(&model, "hrnet", at("net.pt"), &error), BT_INVALID);
    assert_non_null(strstr(error.message, "hrnet is a network of batchtune's own"));
    assert_int_equal(bt_model_describe(&model, "mine", at("net-{batch}.pt"), &error), BT_INVALID);
    assert_non_null(strstr(error.message, "{batch} is for packages"));
}

static void expect(const char *name, const char *file, bt_status status, const char *why) {
    bt_error error = {0};
    bt_model model = described(name, at(file));
    bt_status got = bt_model_check_files(&model, &error);
    if (got != status || (status != BT_OK && !strstr(error.message, why)))
        fail_msg("%s: %s: %s", file, bt_status_name(got), error.message);
}

static void archives_are_told_apart(void **state) {
    (void)state;
    put_archive("script.pt", script);
    put_archive("script.pt2", script);
    put_archive("compiled.pt", compiled);
    put_archive("compiled.pt2", compiled);
    put_archive("exported.pt2", exported);
    put_archive("state.pt", state_dict);
    put_archive("other.pt", other);
    put("text.pt", "import torch\n");
    put("empty.pt2", "");
    expect("m", "script.pt", BT_OK, "");
    expect("m", "compiled.pt2", BT_OK, "");
    expect("m", "script.pt2", BT_PARSE, "its name must not end in .pt2");
    expect("m", "compiled.pt", BT_PARSE, "its name must end in .pt2");
    expect("m", "exported.pt2", BT_PARSE, "aoti_compile_and_package");
    expect("m", "state.pt", BT_PARSE, "weights without a program");
    expect("m", "other.pt", BT_PARSE, "neither TorchScript nor an AOTInductor package");
    expect("m", "text.pt", BT_PARSE, "is no TorchScript file: not even an archive");
    expect("m", "empty.pt2", BT_PARSE, "is no AOTInductor package: not even an archive");
    expect("m", "nothing.pt", BT_INVALID, "there is no such file");
    expect("m", "none-{batch}.pt2", BT_INVALID, "with a batch size for {batch}");
}

/* Every byte of an archive changed and every length cut: a line, or what was there all along. */
static void damage_never_passes_for_whole(void **state) {
    (void)state;
    char *bytes;
    size_t size, seen_whole = 0;
    bt_error error = {0};
    put_archive("good.pt2", compiled);
    assert_int_equal(bt_file_read(at("good.pt2"), 1 << 20, &bytes, &size, &error), BT_OK);
    bt_model model = described("bad", at("bad.pt2"));
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x55;
        assert_int_equal(bt_file_replace(at("bad.pt2"), bytes, size, false, &error), BT_OK);
        seen_whole += bt_model_check_files(&model, &error) == BT_OK;
        bytes[i] ^= 0x55;
    }
    /* times, flags and attributes may be anything; the contents of both entries may not */
    assert_true(seen_whole < size - 2 * 8);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(bt_file_replace(at("bad.pt2"), bytes, cut, false, &error), BT_OK);
        assert_int_equal(bt_model_check_files(&model, &error), BT_PARSE);
    }
    char *contents = memmem(bytes, size, "contents", 8);
    assert_non_null(contents);
    contents[3] ^= 1;
    assert_int_equal(bt_file_replace(at("bad.pt2"), bytes, size, false, &error), BT_OK);
    assert_int_equal(bt_model_check_files(&model, &error), BT_PARSE);
    assert_non_null(strstr(error.message, "damaged"));
    free(bytes);
}

static void the_hash_is_of_all_packages(void **state) {
    (void)state;
    uint64_t first, second;
    bt_error error = {0};
    put("h-1.pt2", "one");
    put("h-2.pt2", "two");
    bt_model model = described("mine", at("h-{batch}.pt2"));
    assert_int_equal(model.batches.count, 2);
    assert_int_equal(bt_model_hash(&model, &first, &error), BT_OK);
    assert_int_equal(bt_model_hash(&model, &second, &error), BT_OK);
    assert_true(first == second);
    put("h-2.pt2", "too");
    assert_int_equal(bt_model_hash(&model, &second, &error), BT_OK);
    assert_true(first != second);
    assert_int_equal(unlink(at("h-1.pt2")), 0);
    assert_int_equal(bt_model_hash(&model, &second, &error), BT_IO);
}

static int make_folder(void **state) {
    return bt_scratch_enter(state) == 0 && getcwd(folder, sizeof folder) ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_built_in_network_is_described_by_its_name),
        cmocka_unit_test(a_file_says_what_its_input_is_or_the_usual_holds),
        cmocka_unit_test(a_file_says_whether_it_gives_probabilities),
        cmocka_unit_test(a_file_says_which_map_is_made_of_what_it_gives),
        cmocka_unit_test(a_list_has_the_classes_that_are_said_of_it),
        cmocka_unit_test(a_file_says_how_pictures_go_in),
        cmocka_unit_test(a_file_says_which_sizes_it_takes),
        cmocka_unit_test(the_files_own_name_does_where_the_models_is_not_there),
        cmocka_unit_test(a_package_says_what_images_it_takes),
        cmocka_unit_test(what_is_odd_about_outputs_is_asked),
        cmocka_unit_test(what_is_wrong_beside_a_file_is_named),
        cmocka_unit_test(a_name_or_pattern_that_cannot_be_is_refused),
        cmocka_unit_test(archives_are_told_apart),
        cmocka_unit_test(damage_never_passes_for_whole),
        cmocka_unit_test(the_hash_is_of_all_packages),
    };
    return cmocka_run_group_tests_name("networks-model", tests, make_folder, bt_scratch_leave);
}
