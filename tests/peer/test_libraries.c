/* Client libraries drive the server through their own API: redis-py (Debian's), ioredis and node-redis (npm's, fetched by
 * tools/test-deps where there is an npm). A library that could not be had here is skipped, and said to be. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void drive(const char *available, const char *program) {
    char command[600], output[8000];
    if (system(available) != 0) cr_skip_test("%s: not here", program);
    struct srv *s = srv_start(TANDEM, "%s", "");
    snprintf(command, sizeof command, "timeout 120 %s %d 2>&1", program, s->port);
    FILE *p = popen(command, "r");
    size_t n = fread(output, 1, sizeof output - 1, p);
    output[n] = '\0';
    int status = pclose(p);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s", program, output);
    cr_assert(srv_alive(s));
    srv_free(s);
}

#define NODE "env NODE_PATH=build/libraries/node_modules node "

Test(libraries, redis_py) {
    drive("/usr/bin/python3 -c 'import redis' 2>/dev/null",
          "/usr/bin/python3 tests/peer/libraries/redis_py.py");
}

Test(libraries, ioredis) {
    drive(NODE "-e 'require(\"ioredis\")' 2>/dev/null", NODE "tests/peer/libraries/ioredis.js");
}

Test(libraries, node_redis) {
    drive(NODE "-e 'require(\"redis\")' 2>/dev/null", NODE "tests/peer/libraries/node_redis.js");
}
