/* redis.conf at the top documents every directive with its default, and loading it changes nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "server/config_internal.h"

#define FILE_NAME "redis.conf" /* tests run at the top of the tree */

TestSuite(redis_conf, .init = config_init);

Test(redis_conf, its_values_are_the_defaults) {
    sds before[256];
    cr_assert_lt(directive_count, 256);
    for (int i = 0; i < directive_count; i++) before[i] = directive_get(&directives[i], sds_empty());
    config_load_args(2, (char *[]){"tandem-server", FILE_NAME});
    for (int i = 0; i < directive_count; i++) {
        sds after = directive_get(&directives[i], sds_empty());
        cr_assert_str_eq(after, before[i], "%s", directives[i].name);
        sds_free(after);
        sds_free(before[i]);
    }
}

/* On a line of its own, or behind "# " where there is no default to write down. */
static bool names(const char *line, const char *directive) {
    if (strncmp(line, "# ", 2) == 0) line += 2;
    size_t n = strlen(directive);
    return strncmp(line, directive, n) == 0 && line[n] == ' ';
}

Test(redis_conf, it_names_every_directive) {
    bool seen[256] = {false};
    char line[512];
    FILE *f = fopen(FILE_NAME, "r");
    cr_assert(f, "%s is not in the working directory", FILE_NAME);
    while (fgets(line, sizeof line, f)) {
        for (int i = 0; i < directive_count; i++) seen[i] |= names(line, directives[i].name);
    }
    fclose(f);
    for (int i = 0; i < directive_count; i++) cr_assert(seen[i], "%s is not documented", directives[i].name);
}
