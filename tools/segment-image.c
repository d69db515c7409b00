/* segment-image: pictures to polygons through the batching service. The work is done by src/segment; here it
 * is put in order. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/command.h"
#include "base/program.h"
#include "base/text.h"
#include "segment/segment.h"
#include "settings/tuning.h"

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "every picture was segmented, though it may show nothing"},
    {BT_EXIT_FAILED, "something broke that is not the caller's doing"},
    {BT_EXIT_USAGE, "wrong usage or bad input: no picture, a damaged one, a backend that is not there"},
    {BT_EXIT_INTERRUPTED, "interrupted; what was segmented until then is written"},
    {0, NULL},
};

static bt_command command = {
    .name = "segment-image",
    .summary =
        "Segments pictures with a network, through the batching service, and writes the outlines of what\n"
        "it found: polygons with their area and confidence as JSON or COCO, and if wanted the picture with\n"
        "them drawn over it.",
    .prints = "what was segmented",
    .usage = "--image PATH [options]",
    .examples = "  segment-image --image cell.png                   polygons to standard output\n"
                "  segment-image --models hrnet --image cell.png --output polygons.json --overlay "
                "cell-overlay.png\n"
                "  segment-image --image plate/ --format coco --output plate.json --overlay overlays/\n"
                "  segment-image --image cell.png --weights hrnet=checkpoint.pth --threshold 0.4\n",
    .exits = exits,
};

typedef struct segmenting {
    bt_segment_settings settings;
    bt_option_sources sources;
    bt_config *config;
    bt_pictures pictures;
    bt_segment_outputs outputs[BT_NAMES_MAX];
    bt_log *log;
    const volatile sig_atomic_t *stop;
    bool printed; /* standard output has polygons */
} segmenting;

/* The usual config is taken where it is there; one that was asked for must be. */
static bt_status load_config(segmenting *s, bt_error *error) {
    const char *path = s->settings.config;
    if (!path[0] && !bt_file_exists(BT_USUAL_CONFIG)) return BT_OK;
    return bt_config_load_flag(&s->config, path[0] ? path : BT_USUAL_CONFIG, error);
}

/* Takes what must be had before a network is loaded. */
static bt_status prepare(segmenting *s, bt_error *error) {
    if (!s->settings.image[0])
        return bt_fail(error, BT_INVALID, "--image: give a picture, or a folder of pictures");
    bt_status status = bt_segment_resolve_models(&s->settings, &s->sources, error);
    if (status != BT_OK) return status;
    status = bt_pictures_list(&s->pictures, s->settings.image, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--image");
    for (int i = 0; i < s->settings.models.count && status == BT_OK; i++)
        status = bt_segment_outputs_resolve(&s->outputs[i], &s->settings, &s->pictures,
                                            s->settings.models.names[i], error);
    if (status == BT_OK) status = load_config(s, error);
    if (status == BT_OK)
        status = bt_log_open(&s->log, stderr, s->settings.quiet ? BT_LOG_WARNING : BT_LOG_INFO, NULL, error);
    if (status == BT_OK && s->pictures.skipped[0])
        bt_log_write(s->log, BT_LOG_WARNING, "%s: passed over: %s", s->settings.image, s->pictures.skipped);
    return status;
}

/* A line or two for people. */
static void tell(const segmenting *s, const bt_segment_summary *summary) {
    char confidence[64] = "";
    if (isfinite(summary->mean_confidence))
        bt_text_format(confidence, sizeof confidence, ", confidence %.2f", summary->mean_confidence);
    if (s->pictures.is_folder)
        bt_log_write(s->log, BT_LOG_INFO,
                     "%d of %d pictures segmented, %.2f a second; P95 %.1f ms, batches of up to %d",
                     summary->segmented, s->pictures.count, summary->pictures_per_s, summary->p95_latency_ms,
                     summary->batch_size);
    bt_log_write(s->log, BT_LOG_INFO, "%lld %s%s on %.1f %% of the %s%s (%s)", (long long)summary->regions,
                 summary->regions == 1 ? "region" : "regions", summary->by_class, 100 * summary->area_share,
                 s->pictures.is_folder ? "pictures" : "picture", confidence, summary->runs);
    if (summary->fallbacks)
        bt_log_write(s->log, BT_LOG_WARNING, "%d of them by the standard path", summary->fallbacks);
}

/* What a single picture failed of is the command's own failure; of a folder each was told already. */
static int code_of(const segmenting *s, const bt_segment_summary *summary) {
    if (summary->failed == 0) return BT_EXIT_GOOD;
    if (!s->pictures.is_folder) return bt_command_fail(&command, &summary->failure, stderr);
    return bt_exit_code_of(summary->failure.status);
}

static bt_status segment(segmenting *s, int index, int *code, bt_error *error) {
    const bt_segment_options options = {.settings = &s->settings,
                                        .sources = &s->sources,
                                        .config = s->config,
                                        .pictures = &s->pictures,
                                        .outputs = &s->outputs[index],
                                        .model = s->settings.models.names[index],
                                        .out = stdout,
                                        .log = s->log,
                                        .notes_told = index > 0,
                                        .stop = s->stop};
    bt_segment_summary summary;
    bt_status status = bt_segment_pictures(&summary, &options, error);
    s->printed |= summary.printed;
    if (status != BT_OK) return status;
    int own = code_of(s, &summary);
    if (summary.segmented > 0) tell(s, &summary);
    if (*code == BT_EXIT_GOOD || own == BT_EXIT_FAILED) *code = own;
    return BT_OK;
}

int main(int argc, char **argv) {
    static segmenting s; /* large: kept off the stack */
    bt_error error = {BT_OK, ""};
    command.table = bt_segment_settings_table(&command.count);
    s.stop = bt_program_begin(BT_SIGNALS_STOP);
    int code = bt_command_start(&command, argc, argv, &s.settings, &s.sources, stdout, stderr);
    if (code >= 0) return code;
    code = BT_EXIT_GOOD;
    bt_status status = prepare(&s, &error);
    for (int i = 0; i < s.settings.models.count && status == BT_OK && !*s.stop; i++)
        status = segment(&s, i, &code, &error);
    if (status != BT_OK) code = bt_command_fail(&command, &error, stderr);
    if (status == BT_OK && *s.stop) code = BT_EXIT_INTERRUPTED;
    /* What another program reads from standard output must not end in a verdict. */
    code = bt_command_finish(&command, stdout, stderr, s.printed, code);
    bt_log_close(&s.log);
    bt_config_close(&s.config);
    bt_pictures_close(&s.pictures);
    return code;
}
