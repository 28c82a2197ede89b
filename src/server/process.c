/* The process: identity, log, daemon, limits, pid file, supervision.
 *
 * Runs once at start, in the order of server.h, except for the descriptor limit, which CONFIG SET maxclients may raise.
 * It knows settings, no data and no client. */
#include "server/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "client/client.h"
#include "event/memory_check.h"
#include "event/signals.h"
#include "event/watchdog.h"
#include "server/affinity.h"
#include "server/config.h"
#include "server/listen.h"
#include "server/oom_score.h"
#include "server/process_title.h"
#include "server/server.h"

/* Descriptors beyond the clients': listeners, log, files being saved and loaded, pipes, the master's link. */
enum { RESERVED_FDS = 32 };

static char run_id[41];
static char **first_argv; /* copies: the title is written over argv */
static char executable[PATH_MAX];
static bool wrote_pid_file, had_arguments;

const char *server_run_id(void) {
    return run_id;
}

const char *server_executable(void) {
    return executable;
}

static void remember_executable(const char *name) {
    ssize_t n = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (n > 0) {
        executable[n] = '\0';
    } else {
        snprintf(executable, sizeof executable, "%s", name);
    }
}

void server_process_init(int argc, char **argv) {
    uint8_t seed[16];
    uint64_t number;
    had_arguments = argc > 1;
    remember_executable(argc > 0 ? argv[0] : "");
    first_argv = mem_alloc((size_t)(argc + 1) * sizeof *first_argv);
    for (int i = 0; i < argc; i++) first_argv[i] = mem_strdup(argv[i]);
    first_argv[argc] = NULL;
    process_title_init(argc, argv);
    random_bytes(seed, sizeof seed);
    hash_seed(seed);
    random_bytes(&number, sizeof number);
    random_seed(number);
    random_hex(run_id, 40);
    tzset();
    clock_update();
    server_stats.start_ms = clock_ms();
    log_set_role('C');
}

static void open_log(void) {
    const struct server_config *c = &server_config;
    log_set_level((enum log_level)c->loglevel);
    log_set_file(c->logfile);
    log_set_syslog(c->syslog_enabled, c->syslog_ident, c->syslog_facility);
}

static void daemonize(void) {
    pid_t pid = fork();
    if (pid < 0) {
        log_warning("Can't run in the background: %s", strerror(errno));
        exit(1);
    }
    if (pid > 0) _exit(0);
    setsid();
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0) return;
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (fd > STDERR_FILENO) close(fd);
}

static void title_changed(void) {
    process_title_update(NULL);
}

void server_role_changed(void) {
    oom_score_apply(false);
}

static void apply_settings(void) {
    oom_score_apply(false);
    watchdog_set_period(server_config.watchdog_period_ms);
}

static const char *max_clients_changed(void);
static void crash_log_changed(bool on);

void server_process_start(void) {
    static const struct config_hooks hooks = {.listen_again = listen_again,
                                              .max_clients = max_clients_changed,
                                              .title = title_changed,
                                              .crash_log = crash_log_changed};
    config_set_hooks(&hooks);
    open_log();
    bool supervised = supervise_detect();
    bool background = server_config.daemonize && !supervised;
    if (background) daemonize();
    log_warning("oO0OoO0OoO0Oo Tandem is starting oO0OoO0OoO0Oo");
    log_warning("Tandem version=%s, Redis protocol version=%s, bits=%zu, pid=%d, just started",
                TANDEM_VERSION, REDIS_VERSION, sizeof(void *) * 8, (int)getpid());
    if (had_arguments) {
        log_warning("Configuration loaded");
    } else {
        log_warning(
            "Warning: no config file specified, using the default config. In order to specify a config "
            "file use %s /path/to/redis.conf",
            executable);
    }
    supervise_started();
    if (server_config.disable_thp) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    signals_set_program("Tandem " TANDEM_VERSION);
    crash_log_changed(server_config.crash_log);
    log_set_role(server_config.replicaof_host[0] ? 'S' : 'M');
    affinity_apply(server_config.server_cpulist);
    apply_settings();
    log_notice("monotonic clock: POSIX clock_gettime");
}

/* --- descriptors --- */

/* Raises the soft limit towards wanted, as far as it goes, and returns what it is then. */
static rlim_t raise_limit(struct rlimit limit, rlim_t wanted, int *why) {
    rlim_t best = wanted, old = limit.rlim_cur;
    while (best > old) {
        limit.rlim_cur = best;
        if (limit.rlim_max < best) limit.rlim_max = best;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return best;
        *why = errno;
        if (best < 16) break;
        best -= 16;
    }
    return old;
}

static void shrink_clients(rlim_t limit, rlim_t wanted, int why) {
    unsigned asked = client_config.max_clients;
    if (limit <= RESERVED_FDS) {
        log_warning(
            "Your current 'ulimit -n' of %llu is not enough for the server to start. Please increase your "
            "open file limit to at least %llu. Exiting.",
            (unsigned long long)limit, (unsigned long long)wanted);
        exit(1);
    }
    client_config.max_clients = (unsigned)(limit - RESERVED_FDS);
    log_warning("You requested maxclients of %u requiring at least %llu max file descriptors.", asked,
                (unsigned long long)wanted);
    log_warning("Server can't set maximum open files to %llu because of OS error: %s.",
                (unsigned long long)wanted, strerror(why));
    log_warning("Current maximum open files is %llu. maxclients has been reduced to %u to compensate for low "
                "ulimit. If you need higher maxclients increase 'ulimit -n'.",
                (unsigned long long)limit, client_config.max_clients);
}

void server_process_limits(void) {
    rlim_t wanted = (rlim_t)client_config.max_clients + RESERVED_FDS;
    struct rlimit limit;
    int why = 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        log_warning(
            "Unable to obtain the current NOFILE limit (%s), assuming 1024 and setting the max clients "
            "configuration accordingly.",
            strerror(errno));
        client_config.max_clients = 1024 - RESERVED_FDS;
        return;
    }
    if (limit.rlim_cur >= wanted) return;
    rlim_t got = raise_limit(limit, wanted, &why);
    if (got < wanted) {
        shrink_clients(got, wanted, why);
    } else {
        log_notice("Increased maximum number of open files to %llu (it was originally set to %llu).",
                   (unsigned long long)wanted, (unsigned long long)limit.rlim_cur);
    }
}

static const char *max_clients_changed(void) {
    unsigned asked = client_config.max_clients;
    struct rlimit limit;
    int why = 0;
    rlim_t wanted = (rlim_t)asked + RESERVED_FDS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return NULL;
    rlim_t got = raise_limit(limit, wanted, &why);
    if (got >= wanted) return NULL;
    static char text[128];
    snprintf(text, sizeof text,
             "The operating system is not able to handle the specified number of clients, try with %u",
             got > RESERVED_FDS ? (unsigned)(got - RESERVED_FDS) : 0);
    return text;
}

/* --- pid file, crash log --- */

static void write_pid_file(void) {
    const char *path = server_config.pidfile;
    if (!path[0]) {
        if (!server_config.daemonize) return;
        path = PID_FILE_STANDARD;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (fd < 0 || write(fd, text, (size_t)n) != n) {
        log_warning("Failed to write PID file: %s", strerror(errno));
    } else {
        wrote_pid_file = true;
    }
    if (fd >= 0) close(fd);
}

void process_execute_again(void) {
    execv(executable, first_argv);
    log_warning("Can't execute %s: %s", executable, strerror(errno));
    _exit(1);
}

void process_remove_pid_file(void) {
    if (!wrote_pid_file) return;
    log_notice("Removing the pid file.");
    unlink(server_config.pidfile[0] ? server_config.pidfile : PID_FILE_STANDARD);
}

static void crash_log_changed(bool on) {
    if (on)
        signals_install_crash_handler(server_config.crash_memcheck && MEMORY_CAN_BE_CHECKED ? memory_check
                                                                                            : NULL);
    else
        signals_remove_crash_handler();
}

static void warn_of_somaxconn(void) {
    char text[32] = "";
    int fd = open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    int most = n > 0 ? atoi(text) : 0;
    if (most > 0 && most < server_config.tcp_backlog) {
        log_warning("WARNING: The TCP backlog setting of %d cannot be enforced because "
                    "/proc/sys/net/core/somaxconn is set to the lower value of %d.",
                    server_config.tcp_backlog, most);
    }
}

static void show_logo(void) {
    log_notice("   o===o");
    log_notice("  /|   |\\     Tandem %s (Redis %s), %zu bit", TANDEM_VERSION, REDIS_VERSION,
               sizeof(void *) * 8);
    log_notice(" (_)===(_)    standalone, port %d, PID %d", server_config.port, (int)getpid());
}

void server_process_ready(void) {
    write_pid_file();
    process_title_update(NULL);
    if (server_config.always_show_logo)
        show_logo();
    else
        log_notice("Running mode=standalone, port=%d.", server_config.port);
    warn_of_somaxconn();
    server_stats.startup_memory_bytes = mem_used_bytes();
}
