#include <stddef.h>
#include <stdio.h>

#include "ecflow/light/API.h"

int main(void)
{
    int bad = 0;
    for (int step = 1; step <= 40; ++step)
        bad += ecflow_light_update_meter("m", step);
    bad += ecflow_light_update_label("l", "by C");
    bad += ecflow_light_update_event("e", 1);
    bad += ecflow_light_update_event("e", 0);
    if (!ecflow_light_update_meter(NULL, 1) || !ecflow_light_update_label("l", NULL)
        || !ecflow_light_update_event(NULL, 1) || !ecflow_light_update_meter("", 1))
        bad += 1;
    printf("%d\n", bad);
    return bad;
}
