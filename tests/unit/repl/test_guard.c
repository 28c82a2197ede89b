/* What keeps a replica's data: from which facts follows what. */
#include <criterion/criterion.h>
#include "repl/guard.h"

#include <string.h>

#define MB ((uint64_t)1 << 20)

static char why[GUARD_WHY_BYTES];

/* A replica with data whose master has come back empty. */
static const struct guard_facts lost = {.guards_empty_master = true, .our_keys = 7, .followed = true};

Test(guard, an_empty_master_of_another_history) {
    cr_assert_eq(guard_judge(&lost, why), GUARD_EMPTY_MASTER);
    cr_assert(strstr(why, "our 7 keys are kept"), "%s", why);
    cr_assert(strstr(why, "CONFIG SET replica-guard-empty-master no"), "%s", why);
}

Test(guard, does_not_bother_a_first_set_up) {
    struct guard_facts f = lost;
    f.followed = false;
    cr_assert_eq(guard_judge(&f, why), GUARD_PASS, "nobody ever called our data a copy");
    f = lost;
    f.our_keys = 0;
    cr_assert_eq(guard_judge(&f, why), GUARD_PASS, "there is nothing to lose");
}

Test(guard, believes_a_master_that_flushed) {
    struct guard_facts f = lost;
    f.same_history = true;
    cr_assert_eq(guard_judge(&f, why), GUARD_PASS);
}

Test(guard, passes_a_master_with_data_and_does_what_it_is_told) {
    struct guard_facts f = lost;
    f.master_has_keys = true;
    cr_assert_eq(guard_judge(&f, why), GUARD_PASS);
    f = lost;
    f.guards_empty_master = false;
    cr_assert_eq(guard_judge(&f, why), GUARD_PASS);
}

Test(guard, memory) {
    struct guard_facts f = {.our_keys = 7, .master_has_keys = true, .need_bytes = 300 * MB};
    cr_assert_eq(guard_judge(&f, why), GUARD_PASS, "no limit is known");
    f.limit_bytes = 300 * MB;
    cr_assert_eq(guard_judge(&f, why), GUARD_PASS);
    f.limit_bytes--;
    cr_assert_eq(guard_judge(&f, why), GUARD_MEMORY);
    cr_assert(strstr(why, "need 300mb"), "%s", why);
    f.our_keys = 0;
    cr_assert_eq(guard_judge(&f, why), GUARD_MEMORY, "the process is worth keeping, too");
    f.need_bytes = 0;
    cr_assert_eq(guard_judge(&f, why), GUARD_PASS, "not told");
}

Test(guard, the_systems_limit_is_at_most_the_ram) {
    uint64_t limit = guard_memory_limit();
    cr_assert(limit > MB, "this test runs in less than a megabyte");
}
