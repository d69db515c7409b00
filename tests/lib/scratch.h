/* A folder for one test's files: its own, empty, and gone afterwards. Both have cmocka's form of a set-up and
 * a tear-down, for one test or a group. */
#ifndef BT_TESTS_SCRATCH_H
#define BT_TESTS_SCRATCH_H

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a folder under $TMPDIR (or the system's place for such) that everybody may look into, and
 * goes there. */
int bt_scratch_enter(void **state);

/* Goes back to where the test came from, and removes the folder with all that is in it. */
int bt_scratch_leave(void **state);

/* Writes `text` to the file ROOT/PATH, with the folders above it: /proc and /sys of a made-up machine, say.
 * The test ends where that cannot be done. */
void bt_scratch_put(const char *root, const char *path, const char *text);

/* How many files and folders the process holds open, give or take a constant: the same before and after
 * something means that it closed what it opened. */
int bt_scratch_open_files(void);

#ifdef __cplusplus
}
#endif
#endif
