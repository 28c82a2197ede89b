/* tandem-cli beside the real redis-cli: the same command lines against the same redis-server must give the same
 * standard output, standard error and exit code. Each case is a line for the shell, where $cli is the client, $at
 * "client -p port". */
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_BYTES_MAX 65536

static struct srv *peer;

static const char *const setup[] = {
    "RPUSH l a b\"x c", "SET e %b",        "HSET h f v",     "SADD s a",
    "ZADD z 1 a 2.5 b", "XADD st 1-1 a b", "GEOADD g 1 2 a", "SET plain text",
};

static void start(void) {
    peer = srv_start(REDIS, "--databases 16");
    for (size_t i = 0; i < sizeof(setup) / sizeof(setup[0]); i++) srv_cmd(peer, setup[i], "", (size_t)0);
    for (int i = 0; i < 120; i++) srv_cmd(peer, "RPUSH big %d", i);
    srv_cmd(peer, "SET bin %b", "\x00\xff\n\"", (size_t)4);
    srv_cmd(peer, "SELECT 3");
    srv_cmd(peer, "SET q one");
}

static void stop(void) {
    srv_free(peer);
}

TestSuite(cli, .init = start, .fini = stop);

struct output {
    char text[OUTPUT_BYTES_MAX];
    size_t n;
    int exit_code;
};

/* Standard error goes to a file and is appended, so that the two streams compare apart. */
static void run_shell(const char *line, const char *client, struct output *out) {
    char errors[64], port[16], at[256], whole[4096];
    snprintf(errors, sizeof(errors), "/tmp/tandem-cli-errors-%d", (int)getpid());
    snprintf(port, sizeof(port), "%d", peer->port);
    snprintf(at, sizeof(at), "%s -p %s", client, port);
    setenv("cli", client, 1);
    setenv("port", port, 1);
    setenv("at", at, 1);
    snprintf(whole, sizeof(whole), "exec 2>%s </dev/null; %s", errors, line);
    FILE *f = popen(whole, "r");
    cr_assert_not_null(f);
    out->n = fread(out->text, 1, sizeof(out->text) - 8192, f);
    int status = pclose(f);
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    out->n += (size_t)snprintf(out->text + out->n, 32, "[errors]");
    f = fopen(errors, "r");
    cr_assert_not_null(f);
    out->n += fread(out->text + out->n, 1, 8000, f);
    fclose(f);
    unlink(errors);
    out->text[out->n] = '\0';
}

static void same(const char *line) {
    static struct output real, ours;
    char client[256];
    const char *build = getenv("B");
    snprintf(client, sizeof(client), "%s/tandem-cli", build ? build : "build");
    srv_cmd(peer,
            "PING"); /* a case may kill all connections, and counts them: ours must be there each time */
    run_shell(line, "redis-cli", &real);
    srv_cmd(peer, "PING");
    run_shell(line, client, &ours);
    cr_expect(real.n == ours.n && memcmp(real.text, ours.text, real.n) == 0, "%s\nreal:\n%s\nours:\n%s", line,
              real.text, ours.text);
    cr_expect_eq(real.exit_code, ours.exit_code, "%s: exit code %d, ours %d", line, real.exit_code,
                 ours.exit_code);
}

static void same_in_both_forms(const char *arguments) {
    static const char *const forms[] = {"--raw", "--no-raw"};
    char line[2048];
    for (int i = 0; i < 2; i++) {
        snprintf(line, sizeof(line), "$at %s %s", forms[i], arguments);
        same(line);
    }
}

Test(cli, every_type_of_reply) {
    static const char *const types[] = {"string", "integer", "double",   "null", "array", "set",
                                        "map",    "push",    "verbatim", "true", "false"};
    char arguments[64];
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (int protocol = 2; protocol <= 3; protocol++) {
            snprintf(arguments, sizeof(arguments), "-%d debug protocol %s", protocol, types[i]);
            same_in_both_forms(arguments);
        }
    }
}

Test(cli, replies_of_commands) {
    static const char *const commands[] = {
        "lrange l 0 -1",
        "lrange big 0 -1",
        "lrange nokey 0 -1",
        "get e",
        "get bin",
        "get nokey",
        "foo",
        "'get plain'",
        "multi",
        "config",
        "-3 config get 'save*'",
        "-3 config get nosuch",
        "-3 command docs get set",
        "command info get set",
        "xinfo help",
        "-3 zrange z 0 -1 withscores",
        "-3 smembers s",
        "-3 smembers nos",
        "-3 hgetall h",
        "-3 hgetall nos",
        "info replication",
        "lolwut",
        "debug htstats 0",
        "memory doctor",
        "latency doctor",
        "client list type foo",
        "acl getuser default",
        "-3 acl getuser default",
        "xrange st - +",
        "-3 xinfo stream st full",
        "geopos g a b",
        "role",
        "subscribe",
        "-3 subscribe",
        "quit",
        "eval \"return {1,{2,{},{3,'x',{err='hey'}}},{}}\" 0",
        "-3 eval \"redis.setresp(3); return {double=3.5,map={map={a={map={b=1,c={1,2}}}}}}\" 0",
        "-3 eval \"redis.setresp(3); return {map={a={{map={x={3}}}}}}\" 0",
        "-3 eval \"redis.setresp(3); return {map={a={{map={x={3,4}}}}}}\" 0",
        "-3 eval \"redis.setresp(3); return {map={a={1},b={map={c={}}}}}\" 0",
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) same_in_both_forms(commands[i]);
}

Test(cli, options) {
    static const char *const arguments[] = {
        "-r 3 -i 0.01 ping",
        "-r 0 ping",
        "-r x ping",
        "-n 99 ping",
        "-n 3 get q",
        "-n x ping",
        "-a foo ping",
        "-a foo --no-auth-warning -n 3 get q",
        "-a x --user u --no-auth-warning ping",
        "--pass x ping",
        "-2 -3 ping",
        "-3 -3 ping",
        "-e foo",
        "-e get e",
        "-r 2 -e foo",
        "-d ';' lrange l 0 -1",
        "-D XX lrange l 0 -1",
        "-D XX client list type x",
        "-d ';' -3 hgetall h",
        "--bogus",
        "-p",
        "ping -x",
    };
    for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) same_in_both_forms(arguments[i]);
    same("REDISCLI_AUTH=zz $at -n 3 get q");
    same("REDISCLI_AUTH= $at ping");
    same("REDISCLI_AUTH=zz $at -a foo get q");
    same("FAKETTY=1 $at get plain");
    same("printf 'hello\\n' | $at -x set k; $at get k; $at -x echo </dev/null");
}

Test(cli, passwords) {
    srv_cmd(peer, "CONFIG SET requirepass pw");
    same("$at ping");
    same("$at -e ping");
    same("$at -3 ping");
    same("$at -3 -n 3 ping");
    same("$at -a pw -3 -n 3 get q");
    same("$at --user default --pass pw --no-auth-warning get plain");
    same("REDISCLI_AUTH=pw $at -n 3 get q");
    same("printf 'get q\\nauth pw\\nselect 3\\nget q\\n' | $at");
}

Test(cli, no_connection) {
    same("$cli -p 1 ping");
    same("$cli -s /tmp/no-such-socket ping");
    same("$cli -h no-such-host.invalid ping");
    same("printf 'ping\\nping\\n' | $cli -p 1");
    same("$at -r 2 quit 2>/dev/null"); /* EOF or a reset, as it happens */
}

Test(cli, commands_from_standard_input) {
    static const char *const inputs[] = {
        "set a \"x y\"\\nget a\\n3 ping\\nbad \"quote\\n\\n   \\nlrange l 0 -1\\nfoo\\nquit\\nping\\n",
        "ping",
        "   ping   \\n\\tping\\r\\n",
        "\"get\" plain\\nset bin2 \"\\\\x00\\\\xff\"\\nget bin2\\n",
        "multi\\nset a 1\\nexec\\ndiscard\\n",
        "# comment\\n-- x\\nconfig get save\\n",
        "1.5 ping\\n0 ping\\n-1\\n99999\\n2 2 ping\\n+2 ping\\n2x ping\\n-2 ping\\n\"\" x\\n",
        "EXIT x\\nping\\n",
        "Quit\\nping\\n",
        "get a\\nsubscribe\\nping\\n",
    };
    char line[1024];
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        for (int form = 0; form < 2; form++) {
            snprintf(line, sizeof(line), "printf '%s' | $at %s", inputs[i], form ? "--raw" : "--no-raw");
            same(line);
        }
    }
    same("printf 'foo\\nping\\n' | $at -e");
    /* how many were killed, and whether the end shows as EOF or reset, is left to chance */
    same("printf 'select 3\\nget q\\nclient kill type normal skipme no\\nget q\\nget q\\nreset\\nget q\\n' | "
         "$at "
         "2>/dev/null | grep -v '[0-9]'");
    same("printf 'get q\\nreset\\nget q\\n' | $at -n 3");
}

Test(cli, streams) {
    same("timeout 0.3 $at --no-raw subscribe x y");
    same("timeout 0.3 $at subscribe x y");
    same("timeout 0.3 $at -3 --no-raw psubscribe x");
    same("timeout 0.3 $at monitor");
}
