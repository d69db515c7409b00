#include "base/command.h"
#include "base/version.h"

#include "base/version.h"

const char *bt_exit_name(int code) {
    switch (code) {
    case BT_EXIT_GOOD:
        return "good";
    case BT_EXIT_USAGE:
        return "bad-input";
    case BT_EXIT_BROKEN:
        return "sla-broken";
    case BT_EXIT_INCONCLUSIVE:
        return "inconclusive";
    case BT_EXIT_INTERRUPTED:
        return "interrupted";
    default:
        return "failed";
    }
}

int bt_exit_code_of(bt_status status) {
    switch (status) {
    case BT_OK:
        return BT_EXIT_GOOD;
    case BT_INVALID:
    case BT_IO:
    case BT_PARSE:
    case BT_UNSUPPORTED:
        return BT_EXIT_USAGE;
    case BT_NO_MEMORY:
    case BT_TIMEOUT:
    case BT_QUEUE_FULL:
    case BT_CLOSED:
    case BT_CANCELLED:
    case BT_BACKEND:
    case BT_OUT_OF_DEVICE_MEMORY:
        break;
    }
    return BT_EXIT_FAILED;
}

static void write_help(const bt_command *command, FILE *out) {
    fprintf(out, "Usage: %s %s\n\n%s\n\n", command->name, command->usage, command->summary);
    bt_options_write_help(command->table, command->count, out);
    if (command->write_more) command->write_more(out);
    if (command->examples) fprintf(out, "\nExamples:\n%s", command->examples);
    if (!command->exits) return;
    fputs("\nExit codes (also in the last line, \"verdict: <word> (<code>)\"):\n", out);
    for (const bt_command_exit *row = command->exits; row->when; row++)
        fprintf(out, "  %3d  %-12s  %s\n", row->code, bt_exit_name(row->code), row->when);
}

int bt_command_fail(const bt_command *command, const bt_error *error, FILE *err) {
    fprintf(err, "%s: %s\n", command->name, error->message);
    return bt_exit_code_of(error->status);
}

int bt_command_finish(const bt_command *command, FILE *stream, FILE *err, int code) {
    fprintf(stream, "verdict: %s (%d)\n", bt_exit_name(code), code);
    if (fflush(stream) == 0 && !ferror(stream)) return code;
    fprintf(err, "%s: the output could not be written\nverdict: failed (%d)\n", command->name,
            BT_EXIT_FAILED);
    return BT_EXIT_FAILED;
}

int bt_command_start(const bt_command *command, int argc, char **argv, void *values,
                     bt_option_sources *sources, FILE *out, FILE *err) {
    bt_options_request request;
    bt_error error;
    int operand_count;
    bt_options_default(command->table, command->count, values, sources);
    bt_status status =
        bt_options_parse(command->table, command->count, argc, argv, values, sources, command->operands,
                         command->operand_count, &operand_count, &request, &error);
    if (!status && request == BT_REQUEST_RUN && operand_count < command->operand_count)
        status = bt_fail(&error, BT_INVALID, "%d word(s) missing; usage: %s %s",
                         command->operand_count - operand_count, command->name, command->usage);
    if (status) return bt_command_finish(command, out, err, bt_command_fail(command, &error, err));
    if (request == BT_REQUEST_RUN) return -1;
    if (request == BT_REQUEST_HELP)
        write_help(command, out);
    else
        fprintf(out, "%s (batchtune) %s\n", command->name, bt_version());
    return fflush(out) == 0 && !ferror(out) ? BT_EXIT_GOOD : BT_EXIT_FAILED;
}
