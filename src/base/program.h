/* What a process sets up before its main begins: that descriptors 0 to 2 are its own, and what signals do.
 *
 * Every program in tools/ calls bt_program_begin first. A library within somebody else's process never does:
 * signals and standard streams are that process's, and what would wait for ever there is bounded instead. */
#ifndef BT_BASE_PROGRAM_H
#define BT_BASE_PROGRAM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_program_signals {
    BT_SIGNALS_END, /* Ctrl-C and SIGTERM end the program at once, with the verdict "interrupted" on standard
                       error: nothing that it does needs an ending */
    BT_SIGNALS_STOP /* the first one asks it to stop, and sets the flag; a second one ends it at once */
} bt_program_signals;

/* A standard descriptor that is closed is put in the place of one that can be neither read nor written, so
 * that no file which is opened later takes its number, and what is printed ends in that file. A reader that
 * goes away (SIGPIPE) does not end the program in the midst of its files: bt_command_finish tells. Returns
 * the flag, for the `stop` of whatever takes long. */
const volatile sig_atomic_t *bt_program_begin(bt_program_signals signals);

/* For a program that reads its files anew when SIGHUP comes, which ends any other: sets the flag that is returned, for
 * the program to clear before it reads. */
volatile sig_atomic_t *bt_program_reloads(void);

/* Between true and false a program of BT_SIGNALS_STOP does what takes as long as it takes and looks at no
 * flag (loading a network, its first run), and has nothing to keep yet: the first signal ends it as with
 * BT_SIGNALS_END. Says nothing to a process that is no program of ours. */
void bt_program_waits(bool waits);

/* Whether bt_program_begin was called: then a signal ends every wait. */
bool bt_program_begun(void);

/* Whether the program was asked to stop. */
bool bt_program_stopped(void);

/* What the machine that it runs on is called, for people. */
void bt_program_host(char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
