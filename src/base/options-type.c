/* The table of types. */
#include "base/options-type.h"

static const bt_option_type_row *const types[] = {
    [BT_OPTION_SWITCH] = &bt_option_switch_type, [BT_OPTION_INTEGER] = &bt_option_integer_type,
    [BT_OPTION_NUMBER] = &bt_option_number_type, [BT_OPTION_DURATION] = &bt_option_duration_type,
    [BT_OPTION_CHOICE] = &bt_option_choice_type, [BT_OPTION_TEXT] = &bt_option_text_type,
    [BT_OPTION_NAMES] = &bt_option_names_type,   [BT_OPTION_SIZES] = &bt_option_sizes_type};

const bt_option_type_row *bt_option_type_of(const bt_option *option) {
    return types[option->type];
}
