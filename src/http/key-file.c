#include "http/key-file.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/text.h"

#define SIZE_MOST (1 << 20)

/* By what a file that has changed is told. */
typedef struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed; /* what is in it, or who may read it */
} stamp;

struct bt_key_file {
    char path[BT_PATH_SIZE];
    bt_log *log;
    pthread_mutex_t looks; /* one reads at a time; of `seen` */
    stamp seen;
    pthread_rwlock_t lock; /* of `keys` */
    bt_keys *keys;
};

static stamp stamp_of(const struct stat *about) {
    return (stamp){about->st_dev, about->st_ino, about->st_size, about->st_ctim};
}

static bool is_same(const stamp *a, const stamp *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bt_status check_mode(const bt_key_file *file, mode_t mode, bt_error *error) {
    if (mode & S_IWOTH)
        return bt_fail(error, BT_INVALID, "%s: everybody may write it, and let themselves in: chmod o-rwx %s",
                       file->path, file->path);
    if (mode & S_IROTH)
        bt_log_write(file->log, BT_LOG_WARNING,
                     "%s: everybody on this machine may read the keys: chmod o-rwx %s", file->path,
                     file->path);
    return BT_OK;
}

static bt_status read_keys(bt_keys **out, const bt_key_file *file, mode_t mode, bt_error *error) {
    char *text;
    size_t size;
    bt_status status = check_mode(file, mode, error);
    if (status == BT_OK) status = bt_file_read(file->path, SIZE_MOST, &text, &size, error);
    if (status != BT_OK) return status;
    status = bt_keys_read(out, text, size, file->path, error);
    explicit_bzero(text, size);
    free(text);
    return status;
}

static void exchange_keys(bt_key_file *file, bt_keys *keys) {
    pthread_rwlock_wrlock(&file->lock);
    bt_keys *before = file->keys;
    file->keys = keys;
    pthread_rwlock_unlock(&file->lock);
    bt_keys_close(&before);
}

/* Under `looks`. What cannot be read is looked at again only when it has changed once more. */
static bt_status look(bt_key_file *file, bool always, bool *changed, bt_error *error) {
    struct stat about = {0};
    bt_keys *keys = NULL;
    const bool there = stat(file->path, &about) == 0;
    const int cause = errno;
    const stamp now = stamp_of(&about);
    *changed = always || !is_same(&now, &file->seen);
    if (!*changed) return BT_OK;
    file->seen = now;
    if (!there) return bt_fail(error, BT_IO, "%s: %s", file->path, bt_text_system_error(cause));
    bt_status status = read_keys(&keys, file, about.st_mode, error);
    if (status == BT_OK) exchange_keys(file, keys);
    return status;
}

bt_status bt_key_file_open(bt_key_file **out, const char *path, bt_log *log, bt_error *error) {
    bool changed;
    bt_key_file *file = calloc(1, sizeof *file);
    *out = NULL;
    if (!file) return bt_no_memory(error, "the keys");
    file->log = log;
    pthread_mutex_init(&file->looks, NULL);
    pthread_rwlock_init(&file->lock, NULL);
    bt_status status = bt_path_join(file->path, error, "%s", path);
    if (status == BT_OK) status = look(file, true, &changed, error);
    *out = file;
    if (status != BT_OK) bt_key_file_close(out);
    return status;
}

void bt_key_file_close(bt_key_file **file) {
    if (!*file) return;
    bt_keys_close(&(*file)->keys);
    pthread_rwlock_destroy(&(*file)->lock);
    pthread_mutex_destroy(&(*file)->looks);
    free(*file);
    *file = NULL;
}

bool bt_key_file_admits(bt_key_file *file, const char *authorization, char name[BT_NAME_SIZE]) {
    pthread_rwlock_rdlock(&file->lock);
    const char *found = bt_keys_find(file->keys, authorization);
    if (found) memcpy(name, found, strlen(found) + 1);
    pthread_rwlock_unlock(&file->lock);
    return found != NULL;
}

void bt_key_file_look(bt_key_file *file, bool always) {
    bt_error error;
    bool changed;
    pthread_mutex_lock(&file->looks);
    const bt_status status = look(file, always, &changed, &error);
    if (status != BT_OK)
        bt_log_write(file->log, BT_LOG_WARNING, "%s; the keys before it stay", error.message);
    else if (changed)
        bt_log_write(file->log, BT_LOG_INFO, "%s: %d keys, read anew", file->path, bt_keys_count(file->keys));
    pthread_mutex_unlock(&file->looks);
}
