/* From exceptions to statuses: nothing that libtorch throws gets past the shim. */
#include "internal.h"

#include <clocale>
#include <cstring>
#include <dlfcn.h>

namespace bt {

/* A constant of the C library: nothing is made. */
static locale_t plain_locale() noexcept {
    return newlocale(LC_ALL_MASK, "C", nullptr);
}

bool mentions(const char *message, const char *words) noexcept {
    const size_t length = strlen(words);
    for (; *message; message++)
        if (strncasecmp_l(message, words, length, plain_locale()) == 0) return true;
    return false;
}

std::string load_error() {
    locale_t before = uselocale(plain_locale());
    const char *error = dlerror();
    uselocale(before);
    return error ? error : "";
}

bt_status fail(bt_error *error, bt_status status, const char *message) noexcept {
    if (!error) return status;
    error->status = status;
    size_t length = strcspn(message, "\n");
    if (length < sizeof error->message)
        snprintf(error->message, sizeof error->message, "%.*s", static_cast<int>(length), message);
    else
        snprintf(error->message, sizeof error->message, "%.*s...", BT_ERROR_MESSAGE_SIZE - 4, message);
    return status;
}

/* Memory that ran out below libtorch's own allocators is known by its text only: cuDNN's, cuBLAS's, CUDA's
 * and oneDNN's failures all arrive as plain errors, and so does that of the CPU allocator. */
static bool tells_of_memory(const char *message) {
    static const char *const signs[] = {"DefaultCPUAllocator: ", "out of memory", "out_of_memory",
                                        "ALLOC_FAILED", "could not allocate memory"};
    for (const char *sign : signs)
        if (mentions(message, sign)) return true;
    return false;
}

static bool tells_of_unusable_device(const char *message) {
    return mentions(message, "no kernel image") || mentions(message, "driver on your system is too old") ||
           mentions(message, "driver version is insufficient");
}

static bt_status classify(const char *message) {
    if (tells_of_memory(message)) return BT_OUT_OF_DEVICE_MEMORY;
    return tells_of_unusable_device(message) ? BT_UNSUPPORTED : BT_BACKEND;
}

/* What a person wants to read: libtorch's checks put "[enforce fail at file:line] . the condition. " before
 * it. */
static const char *plain(const char *message) {
    const char *text = strstr(message, "DefaultCPUAllocator: ");
    if (text) return text + strlen("DefaultCPUAllocator: ");
    text = strncmp(message, "[enforce fail", 13) == 0 ? strstr(message, "] ") : nullptr;
    return text ? text + 2 + strspn(text + 2, ". ") : message;
}

bt_status status_of_exception(bt_error *error) noexcept {
    try {
        throw;
    } catch (const Failure &failure) {
        return fail(error, failure.status, failure.what());
    } catch (const c10::OutOfMemoryError &failure) {
        return fail(error, BT_OUT_OF_DEVICE_MEMORY, plain(failure.what_without_backtrace()));
    } catch (const c10::Error &failure) {
        const char *message = failure.what_without_backtrace();
        return fail(error, classify(message), plain(message));
    } catch (const std::bad_alloc &) {
        return fail(error, BT_NO_MEMORY, "the host's memory ran out inside libtorch");
    } catch (const std::exception &failure) {
        return fail(error, classify(failure.what()), plain(failure.what()));
    } catch (...) {
        return fail(error, BT_BACKEND, "libtorch threw something that is not an exception");
    }
}

} // namespace bt
