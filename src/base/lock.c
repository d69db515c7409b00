/* One writer at a time: the lock file that a second run of a program finds held. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"

/* flock belongs to the open file, not to the process as fcntl's locks do: a second open in the same process
 * is refused too, and closing some other descriptor of the file releases nothing. */
struct bt_lock {
    int file;
};

/* "1234 optimize-batch", as the holder wrote it; empty in the instant before it did. */
static bt_status refuse(int file, const char *path, bt_error *error) {
    char holder[64];
    ssize_t length = pread(file, holder, sizeof holder - 1, 0);
    holder[length > 0 ? length : 0] = '\0';
    char *space = strpbrk(holder, " \n");
    char *name = space && *space == ' ' ? space + 1 : NULL;
    if (space) *space = '\0';
    if (name) name[strcspn(name, "\n")] = '\0';
    return bt_fail(error, BT_CLOSED, "%s: process %s%s%s%s is at work here; wait for it or stop it", path,
                   *holder ? holder : "(unknown)", name ? " (" : "", name ? name : "", name ? ")" : "");
}

/* Best effort: a lock that cannot name its holder still locks. */
static void sign(int file) {
    char holder[64];
    int length =
        snprintf(holder, sizeof holder, "%ld %.40s\n", (long)getpid(), program_invocation_short_name);
    if (ftruncate(file, 0) != 0 || pwrite(file, holder, (size_t)length, 0) != length) return;
}

bt_status bt_lock_open(bt_lock **out, const char *path, bt_error *error) {
    *out = NULL;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) return bt_fail(error, BT_IO, "%s: cannot be opened: %s", path, bt_text_system_error(errno));
    bt_status status = BT_OK;
    int locked;
    do {
        locked = flock(file, LOCK_EX | LOCK_NB);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0 && errno == EWOULDBLOCK)
        status = refuse(file, path, error);
    else if (locked != 0)
        status = bt_fail(error, BT_IO, "%s: cannot be locked: %s", path, bt_text_system_error(errno));
    bt_lock *lock = status != BT_OK ? NULL : malloc(sizeof *lock);
    if (!lock) {
        close(file);
        return status != BT_OK ? status : bt_no_memory(error, "%s", path);
    }
    sign(file);
    lock->file = file;
    *out = lock;
    return BT_OK;
}

void bt_lock_close(bt_lock **lock) {
    if (!*lock) return;
    close((*lock)->file);
    free(*lock);
    *lock = NULL;
}
