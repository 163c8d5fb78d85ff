// Sends a task command by the C header and tells how it ended.
#include <iostream>
#include <vector>

#include "ecf_failover.h"

int main(int argc, char** argv) {
    const std::vector<const char*> words(argv + 1, argv + argc);
    ecf_client* client = ecf_client_new();
    ecf_reply* reply = nullptr;
    const auto count = static_cast<int32_t>(words.size());
    const ecf_status status = ecf_send_task_cmd(client, count, words.data(), &reply);
    std::cout << ecf_status_name(ecf_reply_status(reply)) << ' ' << ecf_reply_error(reply) << '\n';
    ecf_reply_free(reply);
    ecf_client_free(client);
    return static_cast<int>(status);
}
