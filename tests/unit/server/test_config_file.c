/* Files and command lines: how lines are read, which one wins, and the report of a bad one. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "repl/repl.h"
#include "server/acl.h"
#include "server/config_internal.h"
#include "client/client.h"

static char dir[] = "/tmp/tandem-config-XXXXXX";

static void start(void) {
    config_init();
    cr_assert(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
}

static void clean(void) {
    cr_assert_eq(chdir("/"), 0);
    sds command = sds_cat_printf(sds_empty(), "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
    sds_free(command);
}

TestSuite(config_file, .init = start, .fini = clean);

static void write_file(const char *name, const char *text) {
    FILE *f = fopen(name, "w");
    cr_assert(f);
    fputs(text, f);
    fclose(f);
}

#define RUN(...) run((char *[]){"tandem-server", __VA_ARGS__, NULL})

static void run(char **argv) {
    int argc = 0;
    while (argv[argc]) argc++;
    config_load_args(argc, argv);
}

/* exit(1) leaves memory behind on purpose, which is no leak to report among the child's words. */
static void leave(void) {
    _exit(1);
}

/* What the child printed before it ended with status 1. */
static void expect_report(char **argv, const char *text) {
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        atexit(leave);
        run(argv);
        _exit(0);
    }
    close(fds[1]);
    char got[2048];
    size_t n = 0;
    for (ssize_t r; (r = read(fds[0], got + n, sizeof got - 1 - n)) > 0;) n += (size_t)r;
    got[n] = '\0';
    int status;
    waitpid(pid, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %x, said: %s", (unsigned)status, got);
    cr_assert_str_eq(got, text);
}

#define FATAL             "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n"
#define REPORT(text, ...) expect_report((char *[]){"tandem-server", __VA_ARGS__, NULL}, FATAL text)

Test(config_file, lines_comments_quotes_and_the_last_one_wins) {
    write_file("a.conf",
               "# comment\n\n  port 7000 \r\n\tPORT 7001\nrequirepass \"a \\x41\"\nsyslog-ident 'b c'");
    RUN("a.conf");
    cr_assert_eq(server_config.port, 7001);
    cr_assert_str_eq(acl_config.requirepass, "a A");
    cr_assert_str_eq(server_config.syslog_ident, "b c");
    cr_assert_eq(config_file()[0], '/');
}

Test(config_file, options_come_after_the_file) {
    write_file("a.conf", "port 7000\ntimeout 3\n");
    RUN("a.conf", "--port", "7002", "--bind", "127.0.0.1", "-::1");
    cr_assert_eq(server_config.port, 7002);
    cr_assert_eq(client_config.timeout_s, 3);
    cr_assert_eq(server_config.bind_count, 2);
}

Test(config_file, forms_of_options) {
    RUN("--port 7003", "--slaveof", "127.0.0.1", "6379", "--requirepass", "--x");
    cr_assert_eq(server_config.port, 7003);
    cr_assert_str_eq(server_config.replicaof_host, "127.0.0.1");
    cr_assert_eq(server_config.replicaof_port, 6379);
    cr_assert_str_eq(acl_config.requirepass, "--x");
}

Test(config_file, replicaof_in_one_word) {
    RUN("--replicaof", "127.0.0.1 6380");
    cr_assert_eq(server_config.replicaof_port, 6380);
}

Test(config_file, save_lines_replace_the_default_and_add_up) {
    write_file("a.conf", "save 10 2\nsave 20 3\n");
    RUN("a.conf");
    cr_assert_eq(server_config.save_point_count, 2);
    cr_assert_eq(server_config.save_points[0].seconds, 10);
}

Test(config_file, save_of_nothing) {
    RUN("--save", "--port", "7004");
    cr_assert_eq(server_config.save_point_count, 0);
    cr_assert_eq(server_config.port, 7004);
    RUN("--save", "5", "1", "--save", "");
    cr_assert_eq(server_config.save_point_count, 0);
    RUN("--save", "5", "1", "--save");
    cr_assert_eq(server_config.save_point_count, 0);
}

Test(config_file, includes_and_patterns) {
    write_file("a.conf", "port 7000\ninclude b.conf\ninclude none*.conf\ninclude c*.conf\n");
    write_file("b.conf", "port 7005\n");
    write_file("c1.conf", "timeout 4\n");
    write_file("c2.conf", "timeout 5\n");
    RUN("a.conf");
    cr_assert_eq(server_config.port, 7005);
    cr_assert_eq(client_config.timeout_s, 5);
}

Test(config_file, reports_name_line_and_text) {
    write_file("a.conf", "port 7991\n\n  bogus a b\n");
    REPORT("Reading the configuration file, at line 3\n>>> 'bogus a b'\n"
           "Bad directive or wrong number of arguments\n",
           "a.conf");
    write_file("b.conf", "save \"a\n");
    REPORT("Reading the configuration file, at line 1\n>>> 'save \"a'\nUnbalanced quotes in configuration "
           "line\n",
           "b.conf");
    write_file("c.conf", "port 7991 # comment\n");
    REPORT(
        "Reading the configuration file, at line 1\n>>> 'port 7991 # comment'\nwrong number of arguments\n",
        "c.conf");
}

Test(config_file, stock_files_start) {
    write_file("stock.conf", "jemalloc-bg-thread yes\nport 7991\n");
    REPORT("Reading the configuration file, at line 4\n>>> 'port'\nwrong number of arguments\n", "stock.conf",
           "--port");
    write_file("other.conf", "port 7991\njemalloc-bg-thread no\n");
    REPORT("Reading the configuration file, at line 2\n>>> 'jemalloc-bg-thread no'\n"
           "'jemalloc-bg-thread no' is not supported by Tandem, only 'yes'\n",
           "other.conf");
}

Test(config_file, reports_number_options_from_line_two) {
    REPORT("Reading the configuration file, at line 2\n>>> 'port'\nwrong number of arguments\n", "--port");
    REPORT("Reading the configuration file, at line 2\n>>> 'port \"abc\"'\n"
           "argument couldn't be parsed into an integer\n",
           "--port", "abc");
    REPORT("Reading the configuration file, at line 3\n>>> 'slaveof \"127.0.0.1\" \"99999\"'\nInvalid master "
           "port\n",
           "--port", "1", "--slaveof", "127.0.0.1", "99999");
    REPORT("Reading the configuration file, at line 2\n>>> '\"-x\"'\n"
           "Bad directive or wrong number of arguments\n",
           "-x");
    REPORT("Reading the configuration file, at line 2\n>>> 'loadmodule \"100\"'\n"
           "'loadmodule' is not supported by Tandem yet\n",
           "--loadmodule", "100");
    REPORT("Can't open the log file: No such file or directory\n", "--logfile", "/nonexistent/x");
}
