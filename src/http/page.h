/* The page for people: one file, inside the program, that asks for nothing from elsewhere. Browsers hold it to that by its
 * Content-Security-Policy: what runs and what is drawn by must carry a number that is new with each answer, so that
 * text from a request or a model's name can never run. */
#ifndef BT_HTTP_PAGE_H
#define BT_HTTP_PAGE_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PAGE_TYPE        "text/html; charset=utf-8"
#define BT_PAGE_POLICY_SIZE 320

/* The page as text, to be freed by free, and the policy that goes with it. BT_NO_MEMORY; BT_IO where the system has no
 * random number. */
BT_MUST_USE bt_status bt_page_make(char **out, char policy[BT_PAGE_POLICY_SIZE], bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
