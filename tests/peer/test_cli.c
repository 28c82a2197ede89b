/* tandem-cli beside the real redis-cli: the same command lines against the same redis-server must give the same
 * standard output, standard error and exit code. Each case is a line for the shell, where $cli is the client, $port and
 * $dir are the server's, and $at is "client -p port". What goes on until it is stopped is in test_cli_modes.c. */
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
    char errors[200], port[16], at[256], whole[4096];
    snprintf(errors, sizeof(errors), "%s/errors", peer->dir);
    snprintf(port, sizeof(port), "%d", peer->port);
    snprintf(at, sizeof(at), "%s -p %s", client, port);
    setenv("cli", client, 1);
    setenv("port", port, 1);
    setenv("dir", peer->dir, 1);
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

/* What listens for ever is stopped by the server, once it is there. */
Test(cli, streams) {
    static const char *const arguments[] = {"--no-raw subscribe x y",   "subscribe x y",
                                            "-3 --no-raw psubscribe x", "--csv subscribe x y",
                                            "--json psubscribe x",      "monitor"};
    char line[1024];
    for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
        snprintf(line, sizeof(line),
                 "$at %s & until redis-cli -p $port CLIENT LIST | grep -qE 'cmd=(p?subscribe|monitor)'; do "
                 "sleep 0.02; done; redis-cli -p $port CLIENT KILL SKIPME yes >/dev/null; wait $!",
                 arguments[i]);
        same(line);
    }
}

Test(cli, csv_and_json) {
    static const char *const forms[] = {"--csv", "--csv -3", "--json", "--json -2", "--json -3"};
    static const char *const commands[] = {
        "debug protocol integer",
        "debug protocol double",
        "debug protocol null",
        "debug protocol map",
        "debug protocol push",
        "debug protocol verbatim",
        "debug protocol true",
        "zrange z 0 -1 withscores",
        "lrange l 0 -1",
        "lrange nokey 0 -1",
        "xrange st - +",
        "get bin",
        "hgetall h",
        "config get save",
        "info server | head -1",
        "foo",
        "-r 2 -D x -d y lrange l 0 1",
        "-n 99 ping",
        "subscribe",
        "$'echo' $'\\b\\t\\x01\\x7f/\"\\\\'",
    };
    char line[256];
    for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
            snprintf(line, sizeof(line), "$at %s %s", forms[f], commands[i]);
            same(line);
        }
    }
}

Test(cli, addresses_as_uri) {
    srv_cmd(peer, "ACL SETUSER ann on >pA+~* +@all ~*");
    same("$cli -u redis://127.0.0.1:$port/3 get q");
    same("$cli -u redis://127.0.0.1:$port get plain");
    same("$cli -u REDIS://127.0.0.1:$port/ get plain");
    same("$at -u redis:// get plain");
    same("$at -u redis://127.0.0.1 get plain");
    same("$cli -u redis://ann:p%41+%7e%2A@127.0.0.1:$port/3 get q");
    same("$cli --no-auth-warning -u redis://ann:wrong@127.0.0.1:$port/3 get q");
    same("$cli -u redis://password@127.0.0.1:$port get plain");
    same("$cli -u redis://ann:%4@127.0.0.1:$port get plain");
    same("$cli -u http://127.0.0.1:$port get plain");
    same("$cli -u 127.0.0.1:$port get plain");
}

/* Where the real one sends an empty user name, ours takes the form that all client libraries write: a password alone. */
Test(cli, a_password_alone_in_a_uri) {
    static struct output out;
    char client[256];
    const char *build = getenv("B");
    snprintf(client, sizeof(client), "%s/tandem-cli", build ? build : "build");
    srv_cmd(peer, "CONFIG SET requirepass pw");
    run_shell("$cli --no-auth-warning -u redis://:pw@127.0.0.1:$port/3 get q", client, &out);
    cr_expect_str_eq(out.text, "one\n[errors]");
}

Test(cli, words_and_passwords_from_standard_input) {
    same("printf 'x\\ny' | $at -X TAG set k TAG; $at get k");
    same("printf x | $at -X TAG mset TAG TAG foo TAG; $at get x");
    same("printf x | $at -X TAG get plain");
    same("printf x | $at -X TAG -x get plain");
    same("echo wrong | $at --askpass ping");
    same("echo wrong | REDISCLI_AUTH=x $at --askpass -a y ping");
    srv_cmd(peer, "CONFIG SET requirepass pw");
    same("echo pw | $at --askpass get plain");
}

Test(cli, scan) {
    srv_cmd(peer, "SET %b 1", "a\nb", (size_t)3);
    same("$at --scan | sort");
    same("$at --scan --no-raw | sort");
    same("$at --scan --pattern 'b*' -i 0.001 | sort");
    same("$at --scan --pattern nokey");
    same("$at -n 3 --scan --csv");
    same("$at -n 99 --scan");
    same("$at -a x --scan");
    srv_cmd(peer, "CONFIG SET requirepass pw");
    same("$at --scan");
}

Test(cli, mass_insertion) {
    same("seq 20000 | sed 's/.*/SET key:& &\\r/' | $at --pipe; $at dbsize; $at get key:20000");
    same("$at --pipe </dev/null");
    same("printf 'set k 1\\nget k' | $at -n 3 --pipe; $at -n 3 get k");
    same("printf 'RPUSH plain x\\r\\nfoo\\r\\nping\\r\\n' | $at --pipe");
    same("printf '*3\\r\\n$3\\r\\nSET\\r\\n$1\\r\\nk\\r\\n$3\\r\\n\\001\\r\\n\\r\\n' | $at --pipe; "
         "$at --no-raw get k");
    srv_cmd(peer, "CONFIG SET requirepass pw");
    same("seq 1000 | sed 's/.*/SET key:& &\\r/' | $at -a pw --no-auth-warning --pipe");
}

Test(cli, modes_without_a_server) {
    static const char *const modes[] = {"--stat", "--latency", "--scan",
                                        "--pipe", "--replica", "--rdb $dir/x"};
    char line[128];
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        snprintf(line, sizeof(line), "$cli -p 1 %s", modes[i]);
        same(line);
    }
    same("test -e $dir/x");
}

Test(cli, the_prompts_own_commands) {
    same("printf 'connect 127.0.0.1 %s\\nping\\nclear\\nCLEAR\\nconnect\\nping\\n' $port | $cli -p 1");
    same("printf 'connect 127.0.0.1 1\\n' | $at");
}
