/* make install and make uninstall (tools/install), into a folder with a blank in its name. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char output[8000];

/* What the line of shell prints, both streams; $to is the folder, $b the build's. */
static const char *shell(const char *line) {
    char command[1000];
    snprintf(command, sizeof command, "{ %s\n} 2>&1 </dev/null", line);
    FILE *f = popen(command, "r");
    cr_assert_not_null(f);
    output[fread(output, 1, sizeof output - 1, f)] = '\0';
    pclose(f);
    return output;
}

static void make_folder(void) {
    char path[200];
    const char *root = getenv("TEST_TMP"), *build = getenv("B");
    snprintf(path, sizeof path, "%s/tandem-install-XXXXXX", root ? root : "/tmp");
    cr_assert_not_null(mkdtemp(path));
    strcat(path, "/a b");
    setenv("to", path, 1);
    setenv("b", build ? build : "build", 1);
}

#define TOOLS              "tandem-cli tandem-check-aof tandem-check-rdb"
#define INSTALL            "tools/install/install \"$b\" \"\" \"$to\" " TOOLS " && "
#define UNINSTALL          "tools/install/uninstall \"\" \"$to\" " TOOLS " && "
#define PRINTS(text, line) cr_assert_str_eq(shell(line), (text), "%s prints:\n%s", (line), output)

Test(install, programs_run_from_where_they_are_put) {
    make_folder();
    shell(INSTALL "true");
    cr_assert(strstr(shell("\"$to/bin/redis-server\" --version"), "Redis server v="), "%s", output);
    cr_assert(strstr(shell("\"$to/bin/redis-cli\" --version"), "tandem-cli "), "%s", output);
    PRINTS("ExecStart=\"TO/bin/tandem-server\" /etc/tandem/redis.conf\n",
           "sed -n 's|\\(^ExecStart=.*redis.conf\\).*|\\1|p' \"$to\"/lib/systemd/system/*.service | sed "
           "\"s|$to|TO|\"");
    PRINTS("tandem-check-aof.1\ntandem-check-rdb.1\ntandem-cli.1\ntandem-server.1\n",
           "ls \"$to/share/man/man1\"");
    PRINTS("redis.conf\n", "ls \"$to/share/tandem\"");
    PRINTS("--replicaof\n",
           "bash -c '. \"$to/share/bash-completion/completions/tandem-server\"; COMP_WORDS=(tandem-server "
           "--replicao); COMP_CWORD=1; _tandem_server; echo ${COMPREPLY[@]}'");
    shell("rm -r \"${to%/*}\"");
}

Test(install, uninstall_leaves_nothing_of_ours_and_all_of_others) {
    make_folder();
    shell("mkdir -p \"$to/bin\"; echo theirs >\"$to/bin/redis-cli\"");
    cr_assert(strstr(shell(INSTALL "true"), "installed in "), "%s", output);
    PRINTS("./bin/redis-cli\n", UNINSTALL "cd \"$to\" && find . ! -type d");
    PRINTS("theirs\n", "cat \"$to/bin/redis-cli\"");
    shell("rm -r \"${to%/*}\"");
}
