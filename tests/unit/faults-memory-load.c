/* Load tests, from the batcher to the sums of a scenario: memory that runs out at any moment is one clear
 * error, and nothing is lost. The n-th allocation fails, for every n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "batching/batcher.h"
#include "fault-documents.h"
#include "load/generator.h"
#include "load/log-packet.h"
#include "load/schedule.h"
#include "load/share.h"
#include "prove/predict.h"
#include "prove/sum.h"
#include "simulate/capacity.h"

static bt_status open_batcher(bt_error *error) {
    bt_tuned_model tuned;
    bt_batcher *batcher = NULL;
    bt_status status = bt_tuned_model_open(&tuned, made.hrnet, 0, error);
    if (status != BT_OK) return status;
    const bt_batcher_instance instance = {0};
    status = bt_batcher_open(
        &batcher,
        &(bt_batcher_options){
            .models = &tuned.batcher, .model_count = 1, .instances = &instance, .instance_count = 1},
        error);
    bt_batcher_close(&batcher);
    bt_tuned_model_close(&tuned);
    return status;
}

static bt_status find_capacity(bt_error *error) {
    bt_tuned_model tuned;
    bt_capacity capacity;
    bt_status status = bt_tuned_model_open(&tuned, made.hrnet, 0, error);
    if (status != BT_OK) return status;
    status = bt_capacity_find(&capacity, &tuned, 1, 250, 1, error);
    bt_tuned_model_close(&tuned);
    return status;
}

static bt_status plan_poisson(bt_error *error) {
    bt_schedule schedule = {0};
    bt_status status = bt_schedule_open(
        &schedule, &(bt_schedule_options){.rate_rps = 3000, .duration_ns = 1000000000, .seed = 1}, error);
    if (status == BT_OK) bt_schedule_close(&schedule);
    return status;
}

static bt_status predict(bt_error *error) {
    bt_tuned_model tuned;
    bt_schedule schedule;
    bt_prediction prediction;
    bt_status status = bt_tuned_model_open(&tuned, made.hrnet, 0, error);
    if (status != BT_OK) return status;
    const bt_predict_model model = {.config = made.hrnet, .batcher = tuned.batcher};
    const bt_batcher_instance instance = {0};
    const bt_predict_options options = {
        .models = &model, .model_count = 1, .instances = &instance, .instance_count = 1};
    static bt_plan_scenario scenario = {.duration_ns = 1000000000, .part_count = 1};
    scenario.parts[0].schedule =
        (bt_schedule_options){.rate_rps = 30, .duration_ns = scenario.duration_ns, .seed = 1};
    status = bt_schedule_open(&schedule, &scenario.parts[0].schedule, error);
    if (status == BT_OK) {
        char remedy[BT_TEXT_SIZE];
        status = bt_predict(&prediction, &options, &scenario, &schedule, error);
        if (status == BT_OK)
            status = bt_predict_remedy(remedy, sizeof remedy, &options, &scenario, &schedule, 0, 60, error);
        bt_schedule_close(&schedule);
    }
    bt_tuned_model_close(&tuned);
    return status;
}

/* Sent to nobody, and summed up. */
static bt_status run_load(bt_error *error) {
    bt_request_log *log = NULL;
    bt_load_part part = {0};
    const bt_stream stream = {.clients = 1, .clients_count = 50, .input_count = 1};
    const bt_load_options options = {.target = bt_target_null(), .streams = &stream, .stream_count = 1};
    bt_status status = bt_load_run(&log, &options, error);
    const bt_look look = bt_looks_at(0, 1);
    if (status == BT_OK) status = bt_sum_part(&part, log, 0, &look, error);
    bt_request_log_close(&log);
    assert_true(part.bins || part.bin_count == 0); /* what did not succeed is no more than it seems */
    free(part.latencies_ms);
    free(part.bins);
    return status;
}

/* Dealt out to three senders; one share, and what came of it, goes there and back, and becomes part of a log. */
static bt_status send_a_share(bt_error *error) {
    bt_schedule schedule = {.arrivals_ns = (int64_t[]){0, 1, 2, 3}, .count = 4, .duration_ns = 5};
    const bt_stream stream = {.schedule = &schedule, .input_count = 1};
    const bt_load_options options = {.target = bt_target_null(), .streams = &stream, .stream_count = 1};
    bt_share share = {0}, again = {0};
    bt_packet packet = {0}, answer = {0};
    bt_packet_reader reader;
    bt_request_log *log = NULL, *back = NULL, *all = NULL;
    bt_status status = bt_share_cut(&share, &options, (int32_t[]){0}, 1, 3, error);
    if (status == BT_OK) status = bt_share_write(&share, 1, &packet, error);
    if (status == BT_OK) status = bt_packet_open(&reader, packet.bytes, packet.size, error);
    if (status == BT_OK) status = bt_share_read(&again, &reader, error);
    if (status == BT_OK) status = bt_load_run(&log, &options, error);
    if (status == BT_OK) status = bt_request_log_write(log, 1, &answer, error);
    if (status == BT_OK) status = bt_packet_open(&reader, answer.bytes, answer.size, error);
    if (status == BT_OK) status = bt_request_log_read(&back, 1, &reader, error);
    if (status == BT_OK) status = bt_request_log_merge(&all, &(bt_request_log_part){.log = back}, 1, error);
    bt_request_log_close(&all);
    bt_request_log_close(&back);
    bt_request_log_close(&log);
    bt_packet_close(&answer);
    bt_packet_close(&packet);
    bt_share_close(&again);
    bt_share_close(&share);
    return status;
}

static const fault_case cases[] = {
    {"open a batcher", .run = open_batcher},
    {"find the capacity", .run = find_capacity},
    {"plan arrivals", .run = plan_poisson},
    {"read a trace", .run = fault_read_trace},
    {"predict a scenario", .run = predict, .allowed = FAULT_SURVIVED},
    {"send to nobody", .run = run_load},
    {"send a share", .run = send_a_share},
};

int main(void) {
    return faults_memory_main("faults: memory, batching, simulate, load and prove", cases,
                              sizeof cases / sizeof *cases);
}
