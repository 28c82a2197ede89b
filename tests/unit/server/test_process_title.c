/* The process title: what the template becomes, and that it stays inside the memory that is ours. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/config.h"
#include "server/process_title.h"

/* As the kernel lays it out: argv's strings, the environment's behind them. One byte more to see it untouched. */
static char memory[] = "/bin/tandem-server\0--port\0007000\0HOME=/root\0PATH=/usr/bin\0*";
static char *words[] = {memory, memory + 19, memory + 26, NULL};
static char *environment[] = {memory + 31, memory + 42, NULL};

static void start(void) {
    config_init();
    environ = environment;
    process_title_init(3, words);
}

TestSuite(process_title, .init = start);

static void template_is(const char *text) {
    slice pair[2] = {SLICE("proc-title-template"), slice_of(text)};
    cr_assert_null(config_set(pair, 1));
    process_title_update(NULL);
}

Test(process_title, the_environment_has_moved) {
    cr_assert_str_eq(getenv("HOME"), "/root");
    memset(memory, 'x', sizeof memory - 1);
    cr_assert_str_eq(getenv("PATH"), "/usr/bin");
}

Test(process_title, the_standard_template) {
    process_title_update(NULL);
    cr_assert_str_eq(memory, "/bin/tandem-server *:6379");
    process_title_update("tandem-rdb-bgsave");
    cr_assert_str_eq(memory, "tandem-rdb-bgsave *:6379");
}

Test(process_title, words_are_replaced) {
    template_is("x{port}y{title} {server-mode}");
    cr_assert_str_eq(memory, "x6379y/bin/tandem-server");
}

Test(process_title, a_long_title_is_cut) {
    template_is("{title} {title} {title} {title} {title}");
    cr_assert_eq(strlen(memory), sizeof memory - 3);
    cr_assert_eq(memory[sizeof memory - 2], '*', "the byte behind the environment was overwritten");
}

Test(process_title, off_means_untouched) {
    server_config.set_proc_title = false;
    process_title_update(NULL);
    cr_assert_str_eq(memory, "/bin/tandem-server");
}
