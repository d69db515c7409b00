/* A host program's locale: what a Qt, GTK, napari or R program sets for its user, and every library of its
 * process is left with. */
#ifndef BT_TESTS_HOST_LOCALE_H
#define BT_TESTS_HOST_LOCALE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Decimal commas; the same and umlauts in Latin-1; a letter i of its own; a decimal point of two bytes. */
#define BT_GERMAN         "de_DE.UTF-8"
#define BT_GERMAN_LATIN_1 "de_DE.ISO-8859-1"
#define BT_TURKISH        "tr_TR.ISO-8859-9"
#define BT_PASHTO         "ps_AF.UTF-8"

/* Makes `name` the process's locale; where the system lacks it, it is built (localedef) into the current
 * folder, which should be a scratch one. False where it cannot be had, which leaves "C". */
bool bt_host_locale_set(const char *name);

/* Back to "C"; cmocka's form of a tear-down. */
int bt_host_locale_leave(void **state);

#ifdef __cplusplus
}
#endif
#endif
