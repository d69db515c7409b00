#include "base/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define BAR_COLUMNS 20

/* How often a line is drawn anew, and how often one is written that stays (into a file, say): after so much
 * time or work. More often disturbs the machine that is being measured; more seldom looks like a hang. */
#define REDRAW_NS       (100 * BT_NS_PER_MS)
#define PLAIN_NS        (10 * BT_NS_PER_S)
#define PLAIN_FRACTION  0.10
#define FRACTION_LEEWAY 1e-9 /* 0.3 - 0.2 is a hair below 0.1 */

bool bt_progress_can_redraw(int file) {
    const char *terminal = getenv("TERM");
    return isatty(file) && terminal && strcmp(terminal, "dumb") != 0;
}

void bt_progress_note(bt_progress *progress, int64_t now_ns, double fraction) {
    fraction = fraction > 0 ? fraction < 1 ? fraction : 1 : 0; /* NaN is 0 */
    if (progress->active && fraction < progress->fraction) fraction = progress->fraction;
    if (!progress->active) {
        progress->active = true;
        progress->told = false;
        progress->start_ns = now_ns;
        progress->start = fraction;
    }
    progress->fraction = fraction;
}

/* ", 12 s left"; at the end ", 40 s"; "" while no rate is known or it promises more than 100 days. */
static void put_eta(const bt_progress *progress, int64_t now_ns, char out[48]) {
    char shown[32];
    double passed = (double)(now_ns - progress->start_ns) / 1e9, done = progress->fraction - progress->start;
    double left = done > 0 ? passed / done * (1 - progress->fraction) : -1;
    bool ended = progress->fraction >= 1;
    out[0] = '\0';
    if (passed <= 0 || left < 0 || left > 8640000.0) return;
    bt_text_seconds(ended ? passed : left, shown);
    snprintf(out, 48, ", %s%s", shown, ended ? "" : " left");
}

static int percent(const bt_progress *progress) {
    return (int)(progress->fraction * 100 + FRACTION_LEEWAY);
}

/* One less than the width: some terminals wrap at the last column already. */
static size_t terminal_columns(FILE *out) {
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 1) return size.ws_col - 1u;
    return 79;
}

static void cut_to_columns(char *line, size_t columns) {
    size_t length = strlen(line);
    while (length > 0 && bt_text_columns(line, length) > columns)
        length = bt_text_fit(line, length - 1);
    line[length] = '\0';
}

static void mark_shown(bt_progress *progress, int64_t now_ns) {
    progress->told = true;
    progress->shown_ns = now_ns;
    progress->shown = progress->fraction;
    if (progress->fraction >= 1) progress->active = false;
}

void bt_progress_draw(bt_progress *progress, int64_t now_ns, const char *text, FILE *out) {
    if (progress->told && progress->fraction < 1 && now_ns - progress->shown_ns < REDRAW_NS) return;
    char bar[BAR_COLUMNS + 1], eta[48];
    int filled = (int)(progress->fraction * BAR_COLUMNS + FRACTION_LEEWAY);
    for (int i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_COLUMNS] = '\0';
    put_eta(progress, now_ns, eta);
    snprintf(progress->line, sizeof progress->line, "[%s] %3d %%%s%s%s", bar, percent(progress), eta,
             *text ? "  " : "", text);
    cut_to_columns(progress->line, terminal_columns(out));
    mark_shown(progress, now_ns);
    progress->drawn = progress->active;
    fprintf(out, BT_PROGRESS_CLEAR "%s%s", progress->line, progress->active ? "" : "\n");
    fflush(out);
}

void bt_progress_print(bt_progress *progress, int64_t now_ns, const char *text, FILE *out) {
    bool due = !progress->told || progress->fraction >= 1 || now_ns - progress->shown_ns >= PLAIN_NS ||
               progress->fraction - progress->shown >= PLAIN_FRACTION - FRACTION_LEEWAY;
    if (!due) return;
    char eta[48];
    put_eta(progress, now_ns, eta);
    fprintf(out, "%3d %%%s%s%s\n", percent(progress), eta, *text ? "  " : "", text);
    fflush(out);
    mark_shown(progress, now_ns);
}
