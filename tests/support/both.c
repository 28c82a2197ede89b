/* See both.h. */
#include "support/both.h"

struct srv *ours, *real;

void both_start(void) {
    ours = srv_start(TANDEM, "--databases 16");
    real = srv_start(REDIS, "--databases 16");
}

void both_stop(void) {
    srv_free(ours);
    srv_free(real);
}
