/* Where things stand in a panel of a tuning run: its axes, and labels beside points that they must not
 * hide. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/layout.h"
#include "report/sweep-drawing.h"
#include "report/sweep-panels.h"

/* The y axis ends at so many times the highest number. Higher: more room for the labels that stand above the
 * points, and flatter curves. Below about 1.1 a label at the top point is cut by the frame. */
#define HEADROOM 1.14
/* The same to the right of an axis of latencies, where a batch size stands beside the last point. */
#define RIGHT_ROOM 1.08

/* How much of the axis a letter of a label takes, in a picture of its own and in an overview's half. Higher:
 * a label is moved away from points that it would not have covered. Lower: it may cover one. */
#define LETTER         0.010
#define LETTER_ON_PAGE 0.017

#define NOT_SHOWN_SIZE 110 /* bytes of the line that says what is not shown: what a page is wide */
#define NOT_SHOWN_HALF 60  /* in an overview */

/* ---- text around a panel ---- */

void bt_sweep_panel_subject(const bt_record *record, const bt_model_record *model, char *out, size_t size) {
    char device[72], precision[sizeof model->precision];
    bool on_cpu = strcasecmp_l(model->device, "cpu", bt_text_locale()) == 0 && record->machine.cpu[0];
    bt_layout_clean(on_cpu ? record->machine.cpu : model->device, device, sizeof device);
    bt_layout_clean(model->precision, precision, sizeof precision);
    bt_text_upper(precision);
    bool computes = strcmp(model->precision, "none") != 0;
    snprintf(out, size, "%s%s%s, %d × %d px%s", device, computes ? ", " : "", computes ? precision : "",
             model->image_size, model->image_size,
             strcmp(record->workload, "cpu-demo") == 0 ? " (CPU demonstration profile)" : "");
}

void bt_sweep_put_title(const bt_sweep_drawing *panel, const char *what) {
    char title[160], name[BT_NAME_SIZE], subject[256];
    bt_layout_clean(panel->model->title, name, sizeof name);
    if (panel->on_page)
        snprintf(title, sizeof title, "%c%s", toupper_l((unsigned char)what[0], bt_text_locale()), what + 1);
    else
        snprintf(title, sizeof title, "%s: %s", name, what);
    fputs("set title ", panel->out);
    bt_script_string(panel->out, title);
    fprintf(panel->out, " font ',%d' offset 0,%s\n", panel->on_page ? 11 : 14,
            panel->on_page ? "-0.3" : "0.9");
    if (panel->on_page) return;
    bt_sweep_panel_subject(panel->record, panel->model, subject, sizeof subject);
    fputs("set label ", panel->out);
    bt_script_string(panel->out, subject);
    fprintf(panel->out,
            " at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '" BT_COLOUR_DARK "'\n");
}

void bt_sweep_put_x_label(const bt_sweep_drawing *panel, const char *label) {
    char left_out[400] = "";
    size_t used = 0;
    for (int i = 0; i < panel->model->point_count && used < sizeof left_out; i++) {
        const bt_point *point = &panel->model->points[i];
        if (bt_sweep_point_is_drawn(panel, point)) continue;
        used += (size_t)snprintf(left_out + used, sizeof left_out - used, "%s%d (%s)", used ? ", " : "",
                                 point->batch_size, bt_sweep_outcome_title(point->outcome));
    }
    fputs("set xlabel ", panel->out);
    bt_script_string(panel->out, label);
    if (left_out[0]) {
        char clean[NOT_SHOWN_SIZE];
        bt_layout_clean(left_out, clean, panel->on_page ? NOT_SHOWN_HALF : sizeof clean);
        fputs(" . \"\\nnot shown: \" . ", panel->out);
        bt_script_string(panel->out, clean);
    }
    fputc('\n', panel->out);
}

/* ---- axes ---- */

/* Ticks at the measured sizes, on a logarithm of base 2; of labels that would touch, the later gives way. */
void bt_sweep_put_batch_axis(bt_sweep_drawing *panel) {
    const bt_model_record *model = panel->model;
    double first = model->point_count ? model->points[0].batch_size : 1;
    double last = model->point_count ? model->points[model->point_count - 1].batch_size : 1;
    double span = fmax(log2(last / first), 1);
    double low = first * exp2(-0.06 * span), high = last * exp2(0.06 * span);
    if (first == last) {
        low = first / 2;
        high = first * 2;
    }
    bt_text_print(panel->out, "set logscale x 2\nset xrange [%.6g:%.6g]\nset xtics (", low, high);
    double nearest = panel->on_page ? 0.06 : 0.035, labelled = -1e9;
    for (int i = 0; i < model->point_count; i++) {
        double at = log2(model->points[i].batch_size) / span;
        bool fits = at - labelled >= nearest;
        if (fits) labelled = at;
        char label[16] = "";
        if (fits) snprintf(label, sizeof label, "%d", model->points[i].batch_size);
        fprintf(panel->out, "%s'%s' %d", i ? ", " : "", label, model->points[i].batch_size);
    }
    fputs(")\n", panel->out);
}

void bt_sweep_put_latency_axis(bt_sweep_drawing *panel) {
    double sla_ms = panel->record->settings.p95_sla_ms;
    double most_ms = bt_sweep_largest(panel->model, bt_sweep_p95_ms);
    if (sla_ms <= BT_FARTHEST_LINE * most_ms) most_ms = fmax(most_ms, sla_ms);
    panel->right = most_ms > 0 ? RIGHT_ROOM * most_ms : 1;
    bt_text_print(panel->out, "set xrange [0:%.6g]\nset xtics auto\n", panel->right);
}

void bt_sweep_put_y_axis(bt_sweep_drawing *panel, const char *label, double most, double level) {
    if (level <= BT_FARTHEST_LINE * most) most = fmax(most, level);
    panel->top = most > 0 ? HEADROOM * most : 1;
    fputs("set ylabel ", panel->out);
    bt_script_string(panel->out, label);
    bt_text_print(panel->out, "\nset yrange [0:%.6g]\n", panel->top);
}

/* ---- labels that hide no point ---- */

double bt_sweep_x_share(const bt_sweep_drawing *panel, const bt_point *point) {
    const bt_model_record *model = panel->model;
    double first = model->points[0].batch_size, last = model->points[model->point_count - 1].batch_size;
    return last > first ? log2(point->batch_size / first) / log2(last / first) : 0.5;
}

/* Whether a label that starts at one end of the axis, above or below a line at `level`, covers no point. */
static bool label_is_free(const bt_sweep_drawing *panel, double level, const char *text, bool left,
                          bool above) {
    double width = 0.04 + bt_layout_width(text) * (panel->on_page ? LETTER_ON_PAGE : LETTER),
           height = 0.1 * panel->top;
    for (int i = 0; i < panel->model->point_count; i++) {
        const bt_point *point = &panel->model->points[i];
        double x = bt_sweep_x_share(panel, point), y = panel->y_value(point);
        bool beside = left ? x > width : x < 1 - width;
        bool outside = above ? y < level - 0.02 * panel->top || y > level + height
                             : y > level + 0.02 * panel->top || y < level - height;
        if (isfinite(y) && !beside && !outside) return false;
    }
    return true;
}

/* The name of a line that lies beyond the axis. */
static void put_far_level(const bt_sweep_drawing *panel, const char *colour, const char *text) {
    char label[200];
    snprintf(label, sizeof label, "%s (above this range)", text);
    fputs("set label ", panel->out);
    bt_script_string(panel->out, label);
    fprintf(panel->out, " at graph 0.02, graph 0.95 left font ',10' textcolor rgb '%s'\n", colour);
}

void bt_sweep_put_level(const bt_sweep_drawing *panel, double level, const char *colour, const char *text) {
    if (!isfinite(level)) return;
    if (level > panel->top) {
        put_far_level(panel, colour, text);
        return;
    }
    bool left = true, above = true;
    for (int choice = 0; choice < 4; choice++) {
        left = choice % 2 == 0;
        above = choice < 2;
        if (label_is_free(panel, level, text, left, above)) break;
        left = above = true;
    }
    bt_text_print(panel->out,
                  "set arrow from graph 0, first %.6g to graph 1, first %.6g nohead back linecolor rgb '%s' "
                  "linewidth 1.5 dashtype 2\nset label ",
                  level, level, colour);
    bt_script_string(panel->out, text);
    bt_text_print(panel->out, " at graph %s, first %.6g %s offset 0,%s font ',10' textcolor rgb '%s' boxed\n",
                  left ? "0.02" : "0.98", level, left ? "left" : "right", above ? "0.75" : "-0.8", colour);
}

/* Below the point and to the right, where a front that rises and bends leaves room; above it and to the left
 * where the one before, or the SLA's line, stands too near. */
void bt_sweep_put_size_labels(const bt_sweep_drawing *panel) {
    const double near_x = 0.05 * panel->right, near_y = 0.07 * panel->top;
    const double sla_ms = panel->record->settings.p95_sla_ms;
    const bt_point *before = NULL;
    bool was_above = true;
    for (int i = 0; i < panel->model->point_count; i++) {
        const bt_point *point = &panel->model->points[i];
        const double throughput = bt_sweep_throughput(point);
        if (!bt_sweep_point_is_drawn(panel, point)) continue;
        bool near = before && fabs(point->p95_ms - before->p95_ms) < near_x &&
                    fabs(throughput - bt_sweep_throughput(before)) < near_y;
        bool on_line = sla_ms >= point->p95_ms && sla_ms - point->p95_ms < near_x;
        bool above = on_line || (near && !was_above);
        bt_text_print(panel->out,
                      "set label '%d' at first %.6g, first %.6g %s offset %s font ',10' textcolor rgb '%s'\n",
                      point->batch_size, point->p95_ms, throughput, above ? "right" : "left",
                      above ? "-0.7,0.7" : "0.9,-0.7",
                      point->outcome == BT_OUTCOME_MEASURED ? BT_COLOUR_INK : BT_COLOUR_DARK);
        before = point;
        was_above = above;
    }
}
