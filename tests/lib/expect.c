#include "expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

void must(bt_status status, const bt_error *error) {
    if (status != BT_OK) fail_msg("%s", error->message);
}

void says(const char *text, const char *words) {
    if (!strstr(text, words)) fail_msg("\"%s\" does not say \"%s\"", text, words);
}

void refused_with(const refusal *wanted, const char *message) {
    if (strcmp(message, wanted->message) != 0)
        fail_msg("%s\n  said   %s\n  wanted %s", wanted->given, message, wanted->message);
}

void refused_saying(const refusal *wanted, const char *message) {
    if (!strstr(message, wanted->message))
        fail_msg("%s: \"%s\" does not say \"%s\"", wanted->given, message, wanted->message);
}

void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) == EOF || fclose(file) != 0) fail_msg("%s: cannot be written", path);
}

void assert_holds(const char *path, const char *text) {
    bt_error error;
    char *found;
    size_t size;
    must(bt_file_read(path, 1 << 20, &found, &size, &error), &error);
    assert_string_equal(found, text);
    free(found);
}

int files_here(void) {
    int count = 0;
    DIR *here = opendir(".");
    assert_non_null(here);
    for (struct dirent *entry; (entry = readdir(here));)
        count += entry->d_name[0] != '.';
    closedir(here);
    return count;
}

json_t *json_many(size_t count, json_t *item) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        assert_int_equal(json_array_append(array, item), 0);
    json_decref(item);
    return array;
}
