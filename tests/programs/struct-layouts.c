/* Prints where the members of batchtune.h's structs lie, for those who declare them again in another
 * language: a line "bt_request.height 8 4" a member (offset, bytes), and "bt_request 64" for the whole.
 *
 * usage: struct-layouts */
#include <stdio.h>

#include "batchtune.h"

#define WHOLE(type) printf("%s %zu\n", #type, sizeof(type))
#define MEMBER(type, member)                                                                                 \
    printf("%s.%s %zu %zu\n", #type, #member, offsetof(type, member), sizeof member_of(type, member))
#define member_of(type, member) ((type *)NULL)->member

int main(void) {
    WHOLE(bt_error);
    MEMBER(bt_error, status);
    MEMBER(bt_error, message);
    WHOLE(bt_service_options);
    MEMBER(bt_service_options, config);
    MEMBER(bt_service_options, models);
    MEMBER(bt_service_options, settings);
    WHOLE(bt_model_facts);
    MEMBER(bt_model_facts, name);
    MEMBER(bt_model_facts, input_height);
    MEMBER(bt_model_facts, input_width);
    MEMBER(bt_model_facts, tuned_size);
    MEMBER(bt_model_facts, demonstration);
    MEMBER(bt_model_facts, batch_size);
    MEMBER(bt_model_facts, max_queue_size);
    MEMBER(bt_model_facts, instance_count);
    MEMBER(bt_model_facts, max_queue_delay_ms);
    MEMBER(bt_model_facts, p95_sla_ms);
    MEMBER(bt_model_facts, timeout_ms);
    MEMBER(bt_model_facts, policy);
    MEMBER(bt_model_facts, precision);
    MEMBER(bt_model_facts, weights_note);
    MEMBER(bt_model_facts, changed_weights);
    MEMBER(bt_model_facts, class_count);
    WHOLE(bt_request);
    MEMBER(bt_request, image);
    MEMBER(bt_request, height);
    MEMBER(bt_request, width);
    MEMBER(bt_request, model);
    MEMBER(bt_request, threshold);
    MEMBER(bt_request, timeout_ms);
    MEMBER(bt_request, mask);
    MEMBER(bt_request, probabilities);
    MEMBER(bt_request, standard_path);
    MEMBER(bt_request, tensor);
    MEMBER(bt_request, tensor_type);
    MEMBER(bt_request, logits);
    MEMBER(bt_request, priority);
    MEMBER(bt_request, labels);
    MEMBER(bt_request, class_probabilities);
    WHOLE(bt_result);
    MEMBER(bt_result, inference_mode);
    MEMBER(bt_result, batch_size);
    MEMBER(bt_result, run_size);
    MEMBER(bt_result, instance);
    MEMBER(bt_result, input_height);
    MEMBER(bt_result, input_width);
    MEMBER(bt_result, queue_ms);
    MEMBER(bt_result, preprocess_ms);
    MEMBER(bt_result, deliver_ms);
    MEMBER(bt_result, service_ms);
    MEMBER(bt_result, latency_ms);
    MEMBER(bt_result, p95_latency_ms);
    MEMBER(bt_result, ticket);
    WHOLE(bt_inbox_answer);
    MEMBER(bt_inbox_answer, tag);
    MEMBER(bt_inbox_answer, result);
    MEMBER(bt_inbox_answer, error);
    WHOLE(bt_coco_picture);
    MEMBER(bt_coco_picture, file_name);
    MEMBER(bt_coco_picture, polygons);
    return 0;
}
