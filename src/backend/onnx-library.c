#include "backend/onnx-library.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/text.h"

#define VARIABLE "BATCHTUNE_ONNXRUNTIME"
/* Seen from build/lib, which bt_library_find looks in. */
#define OF_THIS_TREE  "../../.deps/onnx/libonnxruntime.so.1"
#define OF_THE_SYSTEM "libonnxruntime.so.1"
#define REMEDY        "run `make deps-onnx`, or set " VARIABLE "=/path/to/libonnxruntime.so"

#define PLACE(member) (offsetof(bt_ort_api, member) / sizeof(void *))
_Static_assert(PLACE(create_tensor) == 49 && PLACE(release_options) == 100, "version 1's places");
_Static_assert(PLACE(set_option) == 130 && PLACE(release_cuda) == 208, "versions 5's and 11's places");

static struct {
    pthread_mutex_t lock;
    bool ready;
    bt_onnx_library library;
} loaded = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what it says ---- */

/* Behind the last `words` in a message, or all of it. */
static const char *behind(const char *message, const char *words) {
    for (const char *at; (at = strstr(message, words)) != NULL;)
        message = at + strlen(words);
    return message;
}

/* Behind "/path/file.cc:149 a_function(its arguments) const ", where that is what it begins with. */
static const char *behind_place(const char *message) {
    const char *at = message[0] == '/' ? strchr(message, '(') : NULL;
    int depth = 0;
    if (!at) return message;
    do
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
    while (*++at && depth > 0);
    return strncmp(at, " const ", 7) == 0 ? at + 7 : at;
}

/* Of "Opset 99 is under development ... official support for domain ai.onnx is till opset 28" the two numbers. */
static bool is_of_later_operators(const char *message, int *has, int *knows) {
    const char *first = strstr(message, "Opset "), *last = behind(message, "till opset ");
    return first && last != message && sscanf(first, "Opset %9d", has) == 1 &&
           sscanf(last, "%9d", knows) == 1;
}

void bt_onnx_words(char *out, size_t size, const char *message) {
    size_t length = 0;
    bool space = false;
    int has, knows;
    if (is_of_later_operators(message, &has, &knows)) {
        snprintf(out, size,
                 "its operators are of opset %d, this ONNX Runtime's of %d at most: export it with that", has,
                 knows);
        return;
    }
    message = behind_place(behind(behind(message, "Status Message: "), " failed:"));
    for (const char *c = behind(message, ", Error "); *c && length + 2 < size; c++) {
        if (*c == ' ' || bt_text_is_control(*c)) {
            space = length > 0;
            continue;
        }
        if (space) out[length++] = ' ';
        space = false;
        out[length++] = *c;
    }
    while (length > 0 && out[length - 1] == '.')
        length--;
    out[length] = '\0';
}

bt_status bt_onnx_said(const bt_onnx_library *library, bt_ort_status *said, bt_status status,
                       const char *file, bt_error *error) {
    char words[300];
    if (!said) return BT_OK;
    if (strstr(library->api->error_message(said), "Failed to allocate memory"))
        status = BT_OUT_OF_DEVICE_MEMORY;
    bt_onnx_words(words, sizeof words, library->api->error_message(said));
    library->api->release_status(said);
    return bt_fail(error, status, "%.80s: %s", file, words);
}

/* ---- loading ---- */

/* Whether the table has at its places what is expected there: a status made of words gives them back. */
static bool is_sound(const bt_ort_api *api) {
    bt_ort_status *made = api->create_status(BT_ORT_FAIL, "sound");
    const bool sound =
        made && api->error_code(made) == BT_ORT_FAIL && strcmp(api->error_message(made), "sound") == 0;
    if (made) api->release_status(made);
    return sound;
}

static bt_status begin(bt_onnx_library *out, const bt_ort_base *base, bt_error *error) {
    snprintf(out->version, sizeof out->version, "%s", base->version());
    out->api = base->api(BT_ONNX_API_VERSION);
    if (!out->api)
        return bt_fail(error, BT_UNSUPPORTED, "ONNX Runtime %s is too old: 1.%d or newer is needed; " REMEDY,
                       out->version, BT_ONNX_API_VERSION);
    if (!is_sound(out->api))
        return bt_fail(error, BT_UNSUPPORTED, "ONNX Runtime %s has another interface than it says: " REMEDY,
                       out->version);
    const bt_ort_api *api = out->api;
    bt_status status = bt_onnx_said(out, api->create_env(BT_ORT_LOG_FATAL, "batchtune", &out->env),
                                    BT_BACKEND, "ONNX Runtime", error);
    if (status == BT_OK)
        status = bt_onnx_said(
            out, api->create_host_memory(BT_ORT_DEVICE_ALLOCATOR, BT_ORT_MEMORY_DEFAULT, &out->host),
            BT_BACKEND, "ONNX Runtime", error);
    if (status == BT_OK)
        status =
            bt_onnx_said(out, api->default_allocator(&out->allocator), BT_BACKEND, "ONNX Runtime", error);
    return status;
}

static bt_status load(bt_onnx_library *out, bt_error *error) {
    char found[PATH_MAX];
    bt_error ignored;
    const bt_ort_base *(*base)(void);
    const char *path = getenv(VARIABLE);
    const bool named = path && *path;
    if (!named)
        path = bt_library_find(found, sizeof found, OF_THIS_TREE, &ignored) == BT_OK ? found : OF_THE_SYSTEM;
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return bt_fail(error, BT_UNSUPPORTED, "%s: %s (%s)",
                       named ? VARIABLE " does not load"
                             : "ONNX Runtime, which runs .onnx files, is not there",
                       REMEDY, bt_text_load_error());
    if (!bt_library_symbol(library, "OrtGetApiBase", &base))
        return bt_fail(error, BT_UNSUPPORTED, "%s is no library of ONNX Runtime: " REMEDY, path);
    return begin(out, base(), error);
}

bt_status bt_onnx_library_use(const bt_onnx_library **out, bt_error *error) {
    bt_status status = BT_OK;
    pthread_mutex_lock(&loaded.lock);
    if (!loaded.ready) {
        status = load(&loaded.library, error);
        loaded.ready = status == BT_OK; /* a failure is not remembered */
    }
    pthread_mutex_unlock(&loaded.lock);
    *out = &loaded.library;
    return status;
}

bool bt_onnx_library_has(const bt_onnx_library *library, const char *provider) {
    char **names;
    int count;
    bool has = false;
    bt_ort_status *said = library->api->providers(&names, &count);
    if (said) {
        library->api->release_status(said);
        return false;
    }
    for (int i = 0; i < count; i++)
        has |= strcmp(names[i], provider) == 0;
    said = library->api->release_providers(names, count);
    if (said) library->api->release_status(said);
    return has;
}
