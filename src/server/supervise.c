/* systemd and upstart: telling the supervisor how far the start has come.
 *
 * systemd: datagrams of lines to the socket that NOTIFY_SOCKET names. upstart waits for the process to stop itself. */
#include "server/process.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "server/config.h"
#include "server/server.h"

static int mode = SUPERVISED_NO;

const char *server_supervised(void) {
    return mode == SUPERVISED_SYSTEMD ? "systemd" : mode == SUPERVISED_UPSTART ? "upstart" : "no";
}

bool supervise_detect(void) {
    bool systemd = getenv("NOTIFY_SOCKET") != NULL, upstart = getenv("UPSTART_JOB") != NULL;
    switch (server_config.supervised) {
    case SUPERVISED_AUTO:
        mode = upstart ? SUPERVISED_UPSTART : systemd ? SUPERVISED_SYSTEMD : SUPERVISED_NO;
        break;
    case SUPERVISED_SYSTEMD: mode = systemd ? SUPERVISED_SYSTEMD : SUPERVISED_NO; break;
    case SUPERVISED_UPSTART: mode = upstart ? SUPERVISED_UPSTART : SUPERVISED_NO; break;
    default: mode = SUPERVISED_NO;
    }
    return mode != SUPERVISED_NO;
}

void supervise_started(void) {
    if (server_config.supervised == SUPERVISED_SYSTEMD && mode == SUPERVISED_NO) {
        log_warning("systemd supervision requested or auto-detected, but NOTIFY_SOCKET not found!");
    }
    if (server_config.supervised == SUPERVISED_UPSTART && mode == SUPERVISED_NO) {
        log_warning("upstart supervision requested, but UPSTART_JOB not found!");
    }
    if (mode == SUPERVISED_SYSTEMD) {
        log_warning(
            "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and "
            "TimeoutStopSec in your service unit.");
    }
    if (mode == SUPERVISED_UPSTART) {
        log_notice("supervised by upstart, will stop to signal readiness.");
        raise(SIGSTOP);
        unsetenv("UPSTART_JOB");
    }
}

void server_notify_supervisor(const char *lines) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (mode != SUPERVISED_SYSTEMD || !path || (path[0] != '/' && path[0] != '@')) return;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof to.sun_path) return;
    memcpy(to.sun_path, path, n);
    if (to.sun_path[0] == '@') to.sun_path[0] = '\0'; /* the abstract name space */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (fd < 0 || sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to, length) < 0) {
        log_warning("systemd supervision error: sd_notify: %d", errno);
    }
    if (fd >= 0) close(fd);
}
