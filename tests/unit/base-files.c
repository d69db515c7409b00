/* Files are whole or not there, and two runs do not write the same output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/random.h"
#include "expect.h"
#include "scratch.h"

static void replace(const char *path, const char *text) {
    bt_error error;
    if (bt_file_replace(path, text, strlen(text), false, &error)) fail_msg("%s", error.message);
}

/* ---- replacing ---- */

static int mode_of(const char *path) {
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    return about.st_mode & 0777;
}

static void what_was_private_stays_so(void **state) {
    (void)state;
    bt_error error;
    mode_t mask = umask(022);
    replace("a", "secret");
    assert_int_equal(chmod("a", 0600), 0);
    assert_int_equal(bt_file_replace("a", "more", 4, true, &error), BT_OK);
    assert_int_equal(mode_of("a"), 0600);
    assert_int_equal(mode_of("a.bak"), 0600);
    assert_int_equal(chmod("a", 0664), 0); /* shared with a group, against the umask */
    assert_int_equal(bt_file_replace("a", "shared", 6, true, &error), BT_OK);
    assert_int_equal(mode_of("a"), 0664);
    umask(077);
    replace("b", "new");
    umask(mask);
    assert_int_equal(mode_of("b"), 0600);
}

static void a_file_is_made_and_replaced(void **state) {
    (void)state;
    struct stat about;
    mode_t mask = umask(022);
    replace("a", "one");
    umask(mask);
    assert_holds("a", "one");
    assert_int_equal(stat("a", &about), 0);
    assert_int_equal(about.st_mode & 0777, 0644);
    replace("a", "");
    assert_holds("a", "");
    replace("a", "three");
    assert_holds("a", "three");
    assert_int_equal(files_here(), 1);
}

static void a_backup_holds_what_was_there(void **state) {
    (void)state;
    bt_error error;
    assert_int_equal(bt_file_replace("a", "1", 1, true, &error), BT_OK);
    assert_false(bt_file_exists("a.bak"));
    assert_int_equal(bt_file_replace("a", "2", 1, true, &error), BT_OK);
    assert_holds("a.bak", "1");
    assert_int_equal(bt_file_replace("a", "3", 1, true, &error), BT_OK);
    assert_holds("a.bak", "2");
    assert_holds("a", "3");
    assert_int_equal(bt_file_replace("a", "4", 1, false, &error), BT_OK);
    assert_holds("a.bak", "2");
    assert_int_equal(files_here(), 2);
}

/* A limit on file sizes stands in for a full disk: the write stops half way. */
static void a_full_disk_leaves_everything_as_it_was(void **state) {
    (void)state;
    static char large[200000];
    bt_error error;
    replace("a", "old");
    replace("a.bak", "older");
    memset(large, 'x', sizeof large);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 100000, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bt_status status = bt_file_replace("a", large, sizeof large, true, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, BT_NOT_WRITTEN);
    says(error.message, "a: cannot be written: File too large");
    assert_holds("a", "old");
    assert_holds("a.bak", "older");
    assert_int_equal(files_here(), 2);
}

static void a_backup_that_fails_leaves_everything_as_it_was(void **state) {
    (void)state;
    bt_error error;
    replace("a", "old");
    assert_int_equal(mkdir("a.bak", 0755), 0);
    assert_int_equal(bt_file_replace("a", "new", 3, true, &error), BT_IO);
    says(error.message, "a.bak: is a folder, not a file");
    assert_holds("a", "old");
    assert_int_equal(files_here(), 2);
}

/* Root may write everywhere, so a child gives that up first. Its exit status is the answer. */
static int as_nobody(int (*body)(void)) {
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(99);
        _exit(body());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int write_where_it_is_forbidden(void) {
    bt_error error;
    if (bt_file_replace("closed/a", "new", 3, true, &error) != BT_IO) return 1;
    if (strcmp(error.message, "closed/a: cannot be written: Permission denied") != 0) return 2;
    if (bt_file_check_writable("closed/a", &error) != BT_IO) return 3;
    if (strcmp(error.message, "closed/a: files cannot be written in closed: Permission denied") != 0)
        return 4;
    if (bt_file_check_writable("closed/deeper/a", &error) != BT_IO) return 5;
    if (!strstr(error.message, "closed/deeper: the folder cannot be made: Permission denied")) return 6;
    bt_lock *lock;
    if (bt_lock_open(&lock, "closed/lock", &error) != BT_IO || lock) return 7;
    return 0;
}

static void a_folder_that_is_closed_is_told(void **state) {
    (void)state;
    assert_int_equal(mkdir("closed", 0755), 0);
    replace("closed/a", "old");
    assert_int_equal(chmod("closed", 0555), 0);
    assert_int_equal(as_nobody(write_where_it_is_forbidden), 0);
    assert_holds("closed/a", "old");
    chmod("closed", 0755);
}

static void links_are_followed_and_devices_refused(void **state) {
    (void)state;
    bt_error error;
    struct stat about;
    assert_int_equal(mkdir("real", 0755), 0);
    replace("real/a", "old");
    assert_int_equal(symlink("real/a", "link"), 0);
    replace("link", "new");
    assert_holds("real/a", "new");
    assert_int_equal(lstat("link", &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(symlink("nowhere/a", "dangling"), 0);
    assert_int_equal(bt_file_replace("dangling", "x", 1, false, &error), BT_IO);
    says(error.message, "dangling: the link leads nowhere");
    assert_int_equal(mkfifo("pipe", 0644), 0); /* what would happen to /dev/null happens to it */
    assert_int_equal(bt_file_replace("pipe", "x", 1, false, &error), BT_IO);
    assert_string_equal(error.message, "pipe: is a pipe, not a file");
    assert_int_equal(lstat("pipe", &about), 0);
    assert_true(S_ISFIFO(about.st_mode));
    assert_int_equal(bt_file_replace("real", "x", 1, false, &error), BT_IO);
    assert_string_equal(error.message, "real: is a folder, not a file");
    assert_int_equal(bt_file_replace("", "x", 1, false, &error), BT_INVALID);
    assert_int_equal(bt_file_replace("none/a", "x", 1, false, &error), BT_IO);
    assert_string_equal(error.message, "none/a: cannot be written: No such file or directory");
}

/* Writes versions of one repeated letter for ever. */
static void write_versions(void) {
    static char text[30000];
    for (int i = 0;; i++) {
        size_t size = 1000 + (size_t)(i % 26) * 1000;
        memset(text, 'a' + i % 26, size);
        if (bt_file_replace("a", text, size, true, NULL)) _exit(1);
    }
}

static void assert_one_whole_version(const char *path) {
    char *text = NULL;
    size_t size;
    if (bt_file_read(path, 1 << 20, &text, &size, NULL)) fail_msg("%s is not there", path);
    assert_int_equal(size, 1000 + (size_t)(text[0] - 'a') * 1000);
    for (size_t i = 1; i < size; i++)
        if (text[i] != text[0]) fail_msg("%s mixes two versions at byte %zu", path, i);
    free(text);
}

/* Whatever the moment at which the writer is looked at, and then killed. */
static void readers_and_kills_see_whole_versions(void **state) {
    (void)state;
    bt_random random = bt_random_stream(1, "kills");
    static char first[1000];
    memset(first, 'a', sizeof first);
    assert_int_equal(bt_file_replace("a", first, sizeof first, false, NULL), BT_OK);
    for (int kill_number = 0; kill_number < 12; kill_number++) {
        pid_t writer = fork();
        assert_true(writer >= 0);
        if (writer == 0) write_versions();
        for (uint64_t looks = 1 + bt_random_below(&random, 60); looks > 0; looks--) {
            assert_one_whole_version("a");
            usleep((useconds_t)bt_random_below(&random, 500));
        }
        kill(writer, SIGKILL);
        assert_int_equal(waitpid(writer, NULL, 0), writer);
        assert_one_whole_version("a");
        if (bt_file_exists("a.bak")) assert_one_whole_version("a.bak");
    }
}

/* ---- reading, folders, paths ---- */

static void reading_has_a_limit(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    bt_error error;
    replace("a", "12345");
    assert_int_equal(bt_file_read("a", 5, &text, &size, &error), BT_OK);
    assert_int_equal(size, 5);
    assert_string_equal(text, "12345");
    free(text);
    text = NULL;
    assert_int_equal(bt_file_read("a", 4, &text, &size, &error), BT_PARSE);
    assert_string_equal(error.message, "a: is larger than the 4 bytes that are read");
    assert_null(text);
    assert_int_equal(bt_file_read("none", 4, &text, &size, &error), BT_IO);
    assert_string_equal(error.message, "none: cannot be read: No such file or directory");
    assert_int_equal(bt_file_read(".", 4, &text, &size, &error), BT_IO);
    assert_string_equal(error.message, ".: is a folder, not a file");
}

/* Their size is told as 0, and they come in pieces. */
static void files_without_a_size_are_read_whole(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    assert_int_equal(bt_file_read("/proc/self/status", 1 << 20, &text, &size, NULL), BT_OK);
    assert_non_null(strstr(text, "VmRSS"));
    free(text);
    assert_int_equal(mkfifo("pipe", 0644), 0);
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        int file = open("pipe", O_WRONLY);
        for (int i = 0; i < 100000; i++)
            if (write(file, "abcdefghij", 10) != 10) _exit(1);
        _exit(0);
    }
    assert_int_equal(bt_file_read("pipe", 1 << 20, &text, &size, NULL), BT_OK);
    assert_int_equal(size, 1000000);
    assert_memory_equal(text + 999990, "abcdefghij", 11);
    free(text);
    waitpid(writer, NULL, 0);
}

/* A pipe as a shell's <(...) gives it: what was written, and its writer is gone before it is opened. */
static void assert_pipe_reads(const char *written) {
    int ends[2];
    char path[64], *text = NULL;
    size_t size;
    bt_error error;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], written, strlen(written)), (ssize_t)strlen(written));
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    if (bt_file_read(path, 100, &text, &size, &error) != BT_OK) fail_msg("%s", error.message);
    assert_string_equal(text, written);
    free(text);
    close(ends[0]);
}

static void what_is_read_is_a_file_or_a_pipe(void **state) {
    (void)state;
    bt_error error;
    char *text = NULL;
    size_t size;
    assert_pipe_reads("some words");
    assert_pipe_reads("");
    assert_int_equal(mkdir("folder", 0755), 0);
    assert_int_equal(symlink("nowhere", "lost"), 0);
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
    assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof address), 0);
    static const struct {
        const char *path, *says;
    } others[] = {{"folder", "folder: is a folder, not a file"},
                  {"sock", "sock: is a socket, not a file"},
                  {"/dev/zero", "/dev/zero: is a device, not a file"},
                  {"/dev/null", "/dev/null: is a device, not a file"},
                  {"lost", "lost: cannot be read: No such file or directory"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(bt_file_read(others[i].path, 100, &text, &size, &error), BT_IO);
        assert_string_equal(error.message, others[i].says);
        assert_int_equal(bt_file_check_regular(others[i].path, &error), BT_IO);
        assert_string_equal(error.message, others[i].says);
        assert_null(text);
    }
    close(sock);
    assert_string_equal(bt_file_kind("lost"), "a link that leads nowhere");
    assert_null(bt_file_kind("absent"));
}

/* Nobody can end the wait: no program was begun here. */
static void a_pipe_without_a_writer_is_not_waited_for_for_ever(void **state) {
    (void)state;
    bt_error error;
    char *text = NULL;
    size_t size;
    assert_int_equal(mkfifo("pipe", 0644), 0);
    alarm(60); /* what hangs dies by the signal */
    assert_int_equal(bt_file_read("pipe", 100, &text, &size, &error), BT_IO);
    alarm(0);
    assert_string_equal(error.message, "pipe: is a pipe into which nobody wrote for 5 s");
    assert_int_equal(bt_file_check_regular("pipe", &error), BT_IO);
}

static void folders_are_made_with_all_above_them(void **state) {
    (void)state;
    bt_error error;
    struct stat about;
    char here[BT_PATH_SIZE - 10], path[BT_PATH_SIZE];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(bt_folder_make("a/b/c", &error), BT_OK);
    assert_int_equal(bt_folder_make("a//b/c/", &error), BT_OK);
    assert_int_equal(bt_folder_make("./a/../d", &error), BT_OK);
    assert_int_equal(bt_folder_make("/", &error), BT_OK);
    assert_int_equal(bt_path_join(path, &error, "%s/e/f", here), BT_OK);
    assert_int_equal(bt_folder_make(path, &error), BT_OK);
    assert_int_equal(stat("e/f", &about), 0);
    assert_true(S_ISDIR(about.st_mode));
    assert_true(bt_file_exists("a/b/c") && bt_file_exists("d"));
    replace("file", "x");
    assert_int_equal(bt_folder_make("file/sub", &error), BT_IO);
    assert_string_equal(error.message, "file: is a file, where file/sub wants a folder");
    assert_int_equal(bt_folder_make("", &error), BT_INVALID);
}

static void an_output_is_checked_before_the_work(void **state) {
    (void)state;
    bt_error error;
    assert_int_equal(bt_file_check_writable("deep/er/a.json", &error), BT_OK);
    assert_true(bt_file_exists("deep/er"));
    assert_false(bt_file_exists("deep/er/a.json"));
    assert_int_equal(bt_file_check_writable("a.json", &error), BT_OK);
    assert_int_equal(bt_file_check_writable("deep", &error), BT_IO);
    assert_string_equal(error.message, "deep: is a folder, not a file");
    replace("file", "x");
    assert_int_equal(bt_file_check_writable("file", &error), BT_OK);
    assert_int_equal(bt_file_check_writable("file/a", &error), BT_IO);
    says(error.message, "file: is a file, not a folder");
    assert_int_equal(bt_file_check_writable("/dev/null", &error), BT_IO);
}

static void paths_are_joined_within_their_room(void **state) {
    (void)state;
    char path[BT_PATH_SIZE], program[BT_PATH_SIZE];
    bt_error error;
    assert_int_equal(bt_path_join(path, &error, "%s/%d.json", "results", 7), BT_OK);
    assert_string_equal(path, "results/7.json");
    assert_int_equal(bt_path_join(path, &error, "%0*d", BT_PATH_SIZE - 1, 0), BT_OK);
    assert_int_equal(bt_path_join(path, &error, "%0*d", BT_PATH_SIZE, 0), BT_INVALID);
    says(error.message, "the path is too long (1024 bytes, at most 1023)");
    assert_int_equal(bt_path_of_program(path, &error), BT_OK);
    assert_int_equal(bt_path_join(program, &error, "%s/base-files", path), BT_OK);
    assert_int_equal(access(program, X_OK), 0);
}

/* ---- locks ---- */

static void a_lock_is_held_once(void **state) {
    (void)state;
    bt_lock *one = NULL, *other = NULL;
    bt_error error;
    char named[64];
    assert_int_equal(bt_lock_open(&one, "lock", &error), BT_OK);
    assert_int_equal(bt_lock_open(&other, "lock", &error), BT_CLOSED);
    assert_null(other);
    snprintf(named, sizeof named, "lock: process %ld (base-files) is at work here", (long)getpid());
    says(error.message, named);
    bt_lock_close(&one);
    assert_null(one);
    bt_lock_close(&one);
    assert_int_equal(bt_lock_open(&other, "lock", &error), BT_OK);
    bt_lock_close(&other);
    assert_int_equal(bt_lock_open(&one, "none/lock", &error), BT_IO);
    says(error.message, "none/lock: cannot be opened: No such file or directory");
}

/* A child that holds the lock until it is killed. */
static pid_t fork_holder(const char *path) {
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t holder = fork();
    assert_true(holder >= 0);
    if (holder == 0) {
        bt_lock *lock;
        byte = bt_lock_open(&lock, path, NULL) ? 'x' : 'o';
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'o');
    close(ready[0]);
    close(ready[1]);
    return holder;
}

static void another_process_is_named_and_its_death_releases(void **state) {
    (void)state;
    bt_lock *lock = NULL;
    bt_error error;
    char named[64];
    pid_t holder = fork_holder("lock");
    assert_int_equal(bt_lock_open(&lock, "lock", &error), BT_CLOSED);
    snprintf(named, sizeof named, "lock: process %ld (base-files) is at work here", (long)holder);
    says(error.message, named);
    kill(holder, SIGKILL);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    assert_int_equal(bt_lock_open(&lock, "lock", &error), BT_OK);
    snprintf(named, sizeof named, "%ld base-files\n", (long)getpid());
    assert_holds("lock", named);
    bt_lock_close(&lock);
}

/* A worker that outlives its parent must not keep the parent's lock. */
static void a_program_started_meanwhile_does_not_inherit_the_lock(void **state) {
    (void)state;
    bt_lock *lock = NULL;
    int started[2];
    char byte;
    assert_int_equal(bt_lock_open(&lock, "lock", NULL), BT_OK);
    assert_int_equal(pipe2(started, O_CLOEXEC), 0);
    pid_t worker = fork();
    assert_true(worker >= 0);
    if (worker == 0) {
        execlp("sleep", "sleep", "60", (char *)NULL);
        _exit(1);
    }
    close(started[1]);
    assert_int_equal(read(started[0], &byte, 1), 0); /* the worker's exec closed its end */
    close(started[0]);
    bt_lock_close(&lock);
    bt_status status = bt_lock_open(&lock, "lock", NULL);
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    assert_int_equal(status, BT_OK);
    bt_lock_close(&lock);
}

static void a_holder_without_a_name_is_still_told(void **state) {
    (void)state;
    bt_lock *one = NULL, *other = NULL;
    bt_error error;
    assert_int_equal(bt_lock_open(&one, "lock", &error), BT_OK);
    assert_int_equal(truncate("lock", 0), 0);
    assert_int_equal(bt_lock_open(&other, "lock", &error), BT_CLOSED);
    assert_string_equal(error.message, "lock: process (unknown) is at work here; wait for it or stop it");
    bt_lock_close(&one);
}

static void a_folder_is_checked_before_it_is_made(void **state) {
    (void)state;
    bt_error error;
    assert_int_equal(mkdir("open", 0755), 0);
    assert_int_equal(close(creat("file", 0644)), 0);
    assert_int_equal(bt_folder_check("open", &error), BT_OK);
    assert_int_equal(bt_folder_check("open/a/b/", &error), BT_OK);
    assert_int_equal(bt_folder_check("new", &error), BT_OK);
    assert_int_equal(bt_folder_check("/", &error) == BT_OK, access("/", W_OK) == 0);
    assert_false(bt_file_exists("open/a") || bt_file_exists("new"));
    assert_int_equal(bt_folder_check("file/a", &error), BT_IO);
    assert_string_equal(error.message, "file: is a file, where file/a wants a folder");
    assert_int_equal(bt_folder_check("", &error), BT_INVALID);
}

/* A program that a service starts in "/" makes no /configs and /results there, root or not. */
static void nothing_new_is_put_into_the_root(void **state) {
    (void)state;
    bt_error error;
    char here[BT_PATH_SIZE], whole[BT_PATH_SIZE + 16];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(whole, sizeof whole, "%s/results", here);
    assert_int_equal(bt_outputs_check("no-such/c.json", "results", "plots", &error), BT_OK);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(bt_outputs_check("no-such/c.json", whole, whole, &error), BT_INVALID);
    assert_string_equal(error.message,
                        "--output: no-such would be made in /, where this was started: start it in a folder "
                        "of your own, or give --output, --results and --plots whole paths");
    assert_int_equal(bt_outputs_check("", whole, "no-such", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "--plots: no-such would be made in /"));
    assert_int_equal(bt_outputs_check("", whole, whole, &error), BT_OK);
    assert_int_equal(bt_outputs_check("tmp/c.json", whole, whole, &error), BT_OK);
    assert_int_equal(chdir(here), 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_is_made_and_replaced),
        IN_FOLDER(what_was_private_stays_so),
        IN_FOLDER(a_backup_holds_what_was_there),
        IN_FOLDER(a_full_disk_leaves_everything_as_it_was),
        IN_FOLDER(a_backup_that_fails_leaves_everything_as_it_was),
        IN_FOLDER(a_folder_that_is_closed_is_told),
        IN_FOLDER(a_folder_is_checked_before_it_is_made),
        IN_FOLDER(nothing_new_is_put_into_the_root),
        IN_FOLDER(links_are_followed_and_devices_refused),
        IN_FOLDER(readers_and_kills_see_whole_versions),
        IN_FOLDER(reading_has_a_limit),
        IN_FOLDER(files_without_a_size_are_read_whole),
        IN_FOLDER(what_is_read_is_a_file_or_a_pipe),
        IN_FOLDER(a_pipe_without_a_writer_is_not_waited_for_for_ever),
        IN_FOLDER(folders_are_made_with_all_above_them),
        IN_FOLDER(an_output_is_checked_before_the_work),
        IN_FOLDER(paths_are_joined_within_their_room),
        IN_FOLDER(a_lock_is_held_once),
        IN_FOLDER(another_process_is_named_and_its_death_releases),
        IN_FOLDER(a_program_started_meanwhile_does_not_inherit_the_lock),
        IN_FOLDER(a_holder_without_a_name_is_still_told),
    };
    return cmocka_run_group_tests_name("base-files", tests, NULL, NULL);
}
