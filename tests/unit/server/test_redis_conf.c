/* redis.conf at the top documents every directive with its default, and loading it changes nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "server/config_internal.h"

#define FILE_NAME "redis.conf" /* tests run at the top of the tree */

TestSuite(redis_conf, .init = config_init);

Test(redis_conf, its_values_are_the_defaults) {
    sds before[400];
    const struct directive *d;
    for (int i = 0; (d = directive_at(i)); i++) before[i] = directive_get(d, sds_empty());
    config_load_args(2, (char *[]){"tandem-server", FILE_NAME});
    for (int i = 0; (d = directive_at(i)); i++) {
        sds after = directive_get(d, sds_empty());
        cr_assert_str_eq(after, before[i], "%s", d->name);
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
    bool seen[400] = {false};
    const struct directive *d;
    char line[512];
    FILE *f = fopen(FILE_NAME, "r");
    cr_assert(f, "%s is not in the working directory", FILE_NAME);
    while (fgets(line, sizeof line, f)) {
        for (int i = 0; (d = directive_at(i)); i++) seen[i] |= names(line, d->name);
    }
    fclose(f);
    for (int i = 0; (d = directive_at(i)); i++) cr_assert(seen[i], "%s is not documented", d->name);
}
