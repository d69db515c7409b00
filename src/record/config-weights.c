/* Is a weights file, or a model's, the one that was measured? A cheap answer by size, time and header, a
 * thorough one by hash. */
#include "record/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/files.h"
#include "base/random.h"
#include "base/text.h"
#include "record/shards.h"
#include "settings/model-file.h"
#include "settings/weights-source.h"

/* So much of a weights file is hashed where the whole is not asked for. A checkpoint begins with names and
 * shapes, so that another network is told from this one by them; other numbers of the same network are told
 * by the file's time. Raised, show-batch-config reads more, from a disk that may be far away. */
#define HEADER_BYTES 65536

static void put_time(char out[32], time_t when) {
    struct tm parts;
    *out = '\0';
    if (gmtime_r(&when, &parts)) strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* Hashes the first HEADER_BYTES, and the rest where `whole`. */
static bt_status hash_file(bt_config_weights *weights, const char *path, bool whole, bt_error *error) {
    unsigned char buffer[HEADER_BYTES];
    bt_status status = bt_file_check_regular(path, error);
    if (status != BT_OK) return status;
    FILE *file = fopen(path, "rbe");
    if (!file) return bt_fail(error, BT_IO, "%s: cannot be read: %s", path, bt_text_system_error(errno));
    size_t got = fread(buffer, 1, sizeof buffer, file);
    weights->header_hash = bt_fnv1a64(weights->header_hash, buffer, got);
    weights->content_hash = bt_fnv1a64(weights->content_hash, buffer, got);
    while (whole && (got = fread(buffer, 1, sizeof buffer, file)) > 0)
        weights->content_hash = bt_fnv1a64(weights->content_hash, buffer, got);
    int failed = ferror(file);
    fclose(file);
    return failed ? bt_fail(error, BT_IO, "%s: cannot be read to its end", path) : BT_OK;
}

static bt_status add_file(bt_config_weights *weights, const char *path, time_t *latest, bool whole,
                          bt_error *error) {
    struct stat about;
    if (stat(path, &about) != 0) return bt_fail(error, BT_IO, "%s: %s", path, bt_text_system_error(errno));
    weights->size_bytes += about.st_size;
    if (about.st_mtime > *latest) *latest = about.st_mtime;
    put_time(weights->modified_at, *latest);
    return hash_file(weights, path, whole, error);
}

/* The files that an index of a checkpoint in several files names. */
static bt_status add_shards(bt_config_weights *weights, const char *index, time_t *latest, bool whole,
                            bt_error *error) {
    bt_shards *shards;
    char file[BT_PATH_SIZE];
    bt_status status = bt_shards_read(&shards, index, error);
    for (int i = 0; status == BT_OK && i < shards->count; i++) {
        status = bt_shards_path(file, index, shards->names[i], error);
        if (status == BT_OK) status = add_file(weights, file, latest, whole, error);
    }
    bt_shards_close(&shards);
    return status;
}

/* One file, a checkpoint's index and its files, or all that a pattern finds. A checkpoint's path may have a
 * place within the file behind it. */
static bt_status describe(bt_config_weights *weights, const char *path, bool whole, bt_error *error) {
    char file[BT_PATH_SIZE];
    bt_sizes batches;
    time_t latest = 0;
    snprintf(weights->path, sizeof weights->path, "%s", path);
    weights->size_bytes = 0;
    weights->header_hash = weights->content_hash = BT_FNV_START;
    bt_status status = bt_model_file_batches(&batches, path, error);
    if (status == BT_OK && bt_model_file_is_pattern(path) && batches.count == 0)
        status = bt_fail(error, BT_IO, "%s: there is no such file", path);
    for (int i = 0; i < batches.count && status == BT_OK; i++) {
        status = bt_model_file_path(file, path, batches.sizes[i], error);
        if (status == BT_OK) status = add_file(weights, file, &latest, whole, error);
    }
    if (status != BT_OK || batches.count > 0) return status;
    bt_weights_source_split(file, path);
    status = add_file(weights, file, &latest, whole, error);
    if (status == BT_OK && bt_shards_is_index(file))
        status = add_shards(weights, file, &latest, whole, error);
    return status;
}

bt_status bt_config_weights_describe(bt_config_weights *weights, const char *path, bt_error *error) {
    return describe(weights, path, true, error);
}

bool bt_config_weights_check(const bt_config_weights *weights, bool thorough, char *out, size_t size) {
    bt_config_weights here = {.size_bytes = 0};
    bt_error error;
    if (!*weights->path) {
        bool none = !*weights->source || strcmp(weights->source, "none") == 0;
        snprintf(out, size, none ? "nothing to compare" : "built in, no file to compare");
        return true;
    }
    if (describe(&here, weights->path, thorough, &error) != BT_OK) {
        snprintf(out, size, "%s", error.message);
        return false;
    }
    if (here.size_bytes != weights->size_bytes) {
        snprintf(out, size, "%s: %lld bytes, here %lld", weights->path, (long long)weights->size_bytes,
                 (long long)here.size_bytes);
        return false;
    }
    if (here.header_hash != weights->header_hash ||
        (thorough && here.content_hash != weights->content_hash)) {
        snprintf(out, size, "%s: the same size, but other contents", weights->path);
        return false;
    }
    if (thorough) {
        snprintf(out, size, "%s: the same contents, by hash", weights->path);
        return true;
    }
    bool same_time = strcmp(here.modified_at, weights->modified_at) == 0;
    if (same_time)
        snprintf(out, size, "%s: the same size, time and header", weights->path);
    else
        snprintf(out, size,
                 "%s: the same size and header, but written anew at %s; --verify compares all of it",
                 weights->path, here.modified_at);
    return same_time;
}
