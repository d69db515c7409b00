#include "settings/segmentation.h"

#include <pthread.h>
#include <string.h>

#include "settings/model-names.h"
#include "settings/rows.h"
#include "settings/tuning.h"

#define ROW(type, member) BT_ROW(type, bt_segment_settings, member)
#define MASKS             .group = "The masks"
#define RUN               .group = "This run", .scope = BT_SCOPE_COMMAND

static const bt_option own[] = {
    {ROW(NUMBER, threshold), .initial = "0.5", BT_ABOVE(0, 0.9999), .placeholder = "P", MASKS,
     .help = "Probability that a pixel must exceed to belong to a region. Of regions of several classes with "
             "softmax there is none: a pixel is of its likeliest class."},
    {ROW(NUMBER, min_area_px), .initial = "50", BT_BOUNDS(0, 268435456), .placeholder = "PIXELS", MASKS,
     .help = "Regions of fewer pixels of the picture are left out."},
    {ROW(TEXT, category), .initial = "spheroid", .placeholder = "NAME", MASKS,
     .help = "What COCO and GeoJSON call a region, of a network that tells no classes apart."},
    {ROW(TEXT, image), .placeholder = "PATH", RUN,
     .help = "A picture (PNG, JPEG or TIFF), or a folder of pictures."},
    {BT_ROW_WHITE(bt_segment_settings), RUN},
    {BT_ROW_PAGE(bt_segment_settings), RUN},
    {ROW(TEXT, output), .placeholder = "PATH", RUN,
     .help = "Where the polygons go; standard output unless given. Of a folder of pictures: a folder, which "
             "gets a file for each, or COCO's one file."},
    {ROW(TEXT, overlay), .placeholder = "PATH", RUN,
     .help =
         "A PNG file for the picture with its polygons drawn over it; of a folder of pictures: a folder."},
    {ROW(TEXT, labels), .placeholder = "PATH", RUN,
     .help = "A PNG file for the class of each pixel, of a folder of pictures a folder: gray, of 8 bits, the "
             "value "
             "is the class's number; 255 where there is none. Of a network that tells no classes apart, 1 in "
             "regions."},
    {ROW(CHOICE, format), .initial = "json", .choices = "json|coco|coco-rle|geojson", RUN,
     .help =
         "json: polygons and holes through the centres of their outermost pixels, and how they came "
         "about, a file for each picture. "
         "coco: one data set, polygons along the pixels' edges, as pycocotools reads them. "
         "coco-rle: the same with run-length masks. geojson: along the pixels' edges, as QuPath reads it, a "
         "file for each picture."},
    {ROW(TEXT, config), .placeholder = "FILE", RUN,
     .help = "What optimize-batch wrote; unless given, " BT_USUAL_CONFIG
             " where it is there, and batches of one where it is not."},
    {BT_ROW_QUIET(bt_segment_settings), RUN},
};

static const char *const service_rows[] = {"weights",    "model_file", "image_size", "precision",
                                           "batch_size", "instances",  "backend",    "failover"};
#define SERVICE_COUNT (sizeof service_rows / sizeof *service_rows)

static bt_rows table;
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* Rows that are taken over are the service's own: its settings are the first member. */
_Static_assert(offsetof(bt_segment_settings, service) == 0, "the service's settings come first");

static void make(void) {
    bt_option *models = bt_rows_take(&table, bt_settings_table, bt_settings_count, "models");
    models->offset = offsetof(bt_segment_settings, models);
    models->group = "The network";
    models->initial = "hrnet";
    models->help =
        "Which networks segment, those of --model-file unless given; with several, each has outputs "
        "of its own, NAME-MODEL.";
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        bt_option *row =
            bt_rows_take(&table, bt_service_settings_table, bt_service_settings_count, service_rows[i]);
        row->group = "The network";
        if (strcmp(row->name, "image_size") == 0)
            row->help =
                "Side of the network's input, to which pictures are resized; polygons are the picture's. "
                "Unless given: what the config says, else the model file, else 1024.";
    }
    bt_option *path = bt_rows_take(&table, bt_settings_table, bt_settings_count, "path");
    path->offset = offsetof(bt_segment_settings, path);
    path->group = "The network";
    bt_rows_add(&table, own, sizeof own / sizeof *own);
}

const bt_option *bt_segment_settings_table(size_t *count) {
    pthread_once(&made, make);
    *count = table.count;
    return table.rows;
}

bt_status bt_segment_resolve_models(bt_segment_settings *settings, const bt_option_sources *sources,
                                    bt_error *error) {
    const bt_service_settings *service = &settings->service;
    size_t count;
    const bt_option *rows = bt_segment_settings_table(&count);
    const bool by_default = sources->of[bt_options_find(rows, count, "models")] == BT_SOURCE_DEFAULT;
    bt_status status = bt_model_names_default(&settings->models, by_default, service->model_file, error);
    if (status != BT_OK) return status;
    return bt_model_names_check_list(&settings->models, service->weights, service->model_file, error);
}

void bt_segment_service_settings(const bt_segment_settings *settings, const bt_option_sources *sources,
                                 bt_service_settings *service, bt_option_sources *service_sources) {
    size_t count;
    const bt_option *rows = bt_segment_settings_table(&count);
    bt_options_default(bt_service_settings_table, bt_service_settings_count, service, service_sources);
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        int here = bt_options_find(rows, count, service_rows[i]);
        int there = bt_options_find(bt_service_settings_table, bt_service_settings_count, service_rows[i]);
        bt_option_copy(&bt_service_settings_table[there], &settings->service, service);
        service_sources->of[there] = sources->of[here];
    }
}
