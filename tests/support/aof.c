/* See aof.h. */
#include "support/aof.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void aof_path_of(char out[300], const struct srv *s, const char *name) {
    snprintf(out, 300, "%s/appendonlydir/%s", s->dir, name);
}

const char *aof_files_of(const struct srv *s) {
    static char text[1024];
    char path[300];
    struct dirent **list;
    aof_path_of(path, s, "");
    int n = scandir(path, &list, NULL, alphasort);
    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            if (text[0]) strcat(text, " ");
            strcat(text, list[i]->d_name);
        }
        free(list[i]);
    }
    if (n >= 0) free(list);
    return text;
}

const char *aof_text_of(const struct srv *s, const char *name) {
    static char text[4096];
    char path[300];
    aof_path_of(path, s, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

void aof_append_to(const struct srv *s, const char *name, const void *p, size_t n) {
    char path[300];
    aof_path_of(path, s, name);
    int fd = open(path, O_WRONLY | O_APPEND);
    cr_assert(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    close(fd);
}

void digest_of(struct srv *s, char out[64]) {
    snprintf(out, 64, "%s", srv_cmd(s, "DEBUG DIGEST"));
}

void aof_rewrite(struct srv *s) {
    int64_t before = srv_log_count(s, "Background AOF rewrite finished successfully");
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    WAIT_UNTIL(srv_log_count(s, "Background AOF rewrite finished successfully") > before);
}

void aof_kill(struct srv *s) {
    WAIT_UNTIL(srv_info_int(s, "aof_buffer_length") == 0);
    srv_kill(s);
}
