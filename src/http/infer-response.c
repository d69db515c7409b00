/* What an inference answers: a JSON object, and behind it the outputs that were asked for in binary. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "http/infer.h"

/* ---- what the service says of the run ---- */

static double larger(double a, double b) {
    return a > b || isnan(b) ? a : b;
}

bt_result bt_infer_slowest(const bt_result *of, int count) {
    bt_result worst = of[0];
    for (int i = 1; i < count; i++) {
        const bt_result *r = &of[i];
        if (strcmp(r->inference_mode, "standard_fallback") == 0) worst.inference_mode = r->inference_mode;
        if (r->batch_size > worst.batch_size) worst.batch_size = r->batch_size;
        worst.queue_ms = larger(r->queue_ms, worst.queue_ms);
        worst.preprocess_ms = larger(r->preprocess_ms, worst.preprocess_ms);
        worst.service_ms = larger(r->service_ms, worst.service_ms);
        worst.latency_ms = larger(r->latency_ms, worst.latency_ms);
        worst.p95_latency_ms = larger(r->p95_latency_ms, worst.p95_latency_ms);
    }
    return worst;
}

/* false where memory is short. */
static bool write_text(FILE *out, const char *text) {
    json_t *json = json_string(text);
    char *quoted = json ? bt_json_dump(json, JSON_ENCODE_ANY) : NULL;
    if (quoted) fputs(quoted, out);
    json_decref(json);
    const bool written = quoted != NULL;
    free(quoted);
    return written;
}

/* With zeros before it up to `least_digits`. (printf's family is slow where a library that was loaded has taught it more
 * formats, as libquadmath does.) */
static void write_count(FILE *out, uint64_t value, int least_digits) {
    char digits[20];
    int at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || (int)sizeof digits - at < least_digits);
    fwrite(digits + at, 1, sizeof digits - (size_t)at, out);
}

static void write_named(FILE *out, const char *name, int value) {
    fputs(name, out);
    write_count(out, (uint64_t)value, 1);
}

/* In whole nanoseconds, which is what clocks tell. */
static void write_ms(FILE *out, const char *name, double ms) {
    fputs(name, out);
    if (!(fabs(ms) < 1e12)) {
        fputs("null", out);
        return;
    }
    const uint64_t ns = (uint64_t)llround(fabs(ms) * 1e6);
    if (ms < 0) fputc('-', out);
    write_count(out, ns / 1000000, 1);
    fputc('.', out);
    write_count(out, ns % 1000000, 6);
}

static void write_result(FILE *out, const bt_result *r) {
    fputs("{\"inference_mode\":\"", out);
    fputs(r->inference_mode, out);
    write_named(out, "\",\"batch_size\":", r->batch_size);
    write_named(out, ",\"input_height\":", r->input_height);
    write_named(out, ",\"input_width\":", r->input_width);
    write_ms(out, ",\"queue_ms\":", r->queue_ms);
    write_ms(out, ",\"preprocess_ms\":", r->preprocess_ms);
    write_ms(out, ",\"service_ms\":", r->service_ms);
    write_ms(out, ",\"latency_ms\":", r->latency_ms);
    write_ms(out, ",\"p95_latency_ms\":", r->p95_latency_ms);
    fputc('}', out);
}

/* All but the outputs. */
static bool write_head(FILE *out, const bt_infer_request *request, const char *model,
                       const bt_infer_results *results) {
    const bt_result worst = bt_infer_slowest(results->of, request->count);
    fputs("{\"model_name\":", out);
    bool written = write_text(out, model);
    fputs(",\"model_version\":\"1\",\"parameters\":", out);
    write_result(out, &worst);
    if (!request->id || !written) return written;
    fputs(",\"id\":", out);
    return write_text(out, request->id);
}

/* ---- outputs ---- */

static size_t binary_size(const bt_infer_request *request, int output, const bt_infer_results *results) {
    size_t size = bt_infer_values(request, (bt_infer_output)output);
    if (bt_infer_is_bytes((bt_infer_output)output)) return size;
    if (output != BT_INFER_POLYGONS) return size * sizeof(float);
    for (int i = 0; i < request->count; i++)
        size += 4 + strlen(results->polygons[i]);
    return size;
}

/* Each of an output that has some. */
static const float *floats_of(const bt_infer_results *results, int output) {
    if (output == BT_INFER_LOGITS) return results->logits;
    return output == BT_INFER_CLASS_PROBABILITIES ? results->class_probabilities : results->probabilities;
}

static const uint8_t *bytes_of(const bt_infer_results *results, int output) {
    return output == BT_INFER_LABELS ? results->labels : results->masks;
}

static void write_binary(FILE *out, const bt_infer_request *request, int output,
                         const bt_infer_results *results) {
    const size_t values = bt_infer_values(request, (bt_infer_output)output);
    if (bt_infer_is_bytes((bt_infer_output)output))
        fwrite(bytes_of(results, output), 1, values, out);
    else if (output != BT_INFER_POLYGONS)
        fwrite(floats_of(results, output), sizeof(float), values, out);
    for (int i = 0; i < request->count && output == BT_INFER_POLYGONS; i++) {
        const size_t length = strlen(results->polygons[i]);
        for (int byte = 0; byte < 4; byte++)
            fputc((int)(length >> (8 * byte) & 0xFF), out);
        fwrite(results->polygons[i], 1, length, out);
    }
}

/* A value that is no number stays out of JSON: clients read null as NaN. */
static void write_number(FILE *out, float value) {
    if (isfinite(value))
        bt_text_print(out, "%.9g", (double)value);
    else
        fputs("null", out);
}

/* Most have one digit. */
static void write_byte(FILE *out, uint8_t value) {
    if (value < 10)
        fputc('0' + value, out);
    else
        write_count(out, value, 1);
}

static bool write_data(FILE *out, const bt_infer_request *request, int output,
                       const bt_infer_results *results) {
    bool written = true;
    fputs(",\"data\":[", out);
    if (output == BT_INFER_POLYGONS) {
        for (int i = 0; i < request->count && written; i++) {
            if (i > 0) fputc(',', out);
            written = write_text(out, results->polygons[i]);
        }
    } else {
        const size_t values = bt_infer_values(request, (bt_infer_output)output);
        const bool bytes = bt_infer_is_bytes((bt_infer_output)output);
        for (size_t i = 0; i < values; i++) {
            if (i > 0) fputc(',', out);
            if (bytes)
                write_byte(out, bytes_of(results, output)[i]);
            else
                write_number(out, floats_of(results, output)[i]);
        }
    }
    fputc(']', out);
    return written;
}

static void write_shape(FILE *out, const bt_infer_request *request, int output) {
    const bt_infer_picture *first = &request->pictures[0];
    const bool logits = output == BT_INFER_LOGITS;
    write_named(out, "[", request->count);
    if (output == BT_INFER_POLYGONS) {
        fputs(",1]", out);
        return;
    }
    if (output == BT_INFER_CLASS_PROBABILITIES) write_named(out, ",", request->classes);
    write_named(out, logits ? ",1," : ",", logits ? request->input_height : first->height);
    write_named(out, ",", logits ? request->input_width : first->width);
    fputc(']', out);
}

static void write_description(FILE *out, int output) {
    fputs("{\"name\":\"", out);
    fputs(bt_infer_outputs[output].name, out);
    fputs("\",\"datatype\":\"", out);
    fputs(bt_infer_outputs[output].datatype, out);
    fputs("\",\"shape\":", out);
}

static bool write_outputs(FILE *out, const bt_infer_request *request, const bt_infer_results *results) {
    bool written = true;
    fputs(",\"outputs\":[", out);
    for (int i = 0; i < request->output_count && written; i++) {
        const int output = (int)request->outputs[i].output;
        if (i > 0) fputc(',', out);
        write_description(out, output);
        write_shape(out, request, output);
        if (request->outputs[i].binary) {
            fputs(",\"parameters\":{\"binary_data_size\":", out);
            write_count(out, binary_size(request, output, results), 1);
            fputc('}', out);
        } else {
            written = write_data(out, request, output, results);
        }
        fputc('}', out);
    }
    fputs("]}", out);
    return written;
}

static bool write_all(FILE *out, bt_infer_response *response, const char *model,
                      const bt_infer_request *request, const bt_infer_results *results) {
    if (!write_head(out, request, model, results) || !write_outputs(out, request, results)) return false;
    response->header_length = (size_t)ftell(out);
    for (int i = 0; i < request->output_count; i++) {
        if (!request->outputs[i].binary) continue;
        response->binary = true;
        write_binary(out, request, (int)request->outputs[i].output, results);
    }
    return true;
}

bt_status bt_infer_response_write(bt_infer_response *out, const bt_infer_request *request, const char *model,
                                  const bt_infer_results *results, bt_error *error) {
    *out = (bt_infer_response){0};
    FILE *text = open_memstream(&out->body, &out->size);
    bool written = text && write_all(text, out, model, request, results) && !ferror(text);
    if (text && fclose(text) != 0) written = false;
    if (written) return BT_OK;
    free(out->body);
    *out = (bt_infer_response){0};
    return bt_no_memory(error, "an answer");
}
