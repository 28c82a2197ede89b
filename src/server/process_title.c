/* The title of the process: written over the memory where the kernel shows argv from.
 *
 * argv's and environ's strings lie one behind the other in one run of bytes, which is how long a title may become. The
 * environment moves away first, and argv's words are not to be read afterwards. */
#include "server/process_title.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sds.h"
#include "server/config.h"

static char *area;
static size_t area_bytes;
static sds program;

void process_title_init(int argc, char **argv) {
    program = sds_new(argc > 0 ? argv[0] : "tandem-server");
    if (argc == 0) return;
    char *end = argv[0];
    for (int i = 0; i < argc && argv[i] == end; i++) end += strlen(argv[i]) + 1;
    size_t n = 0;
    while (environ[n]) n++;
    char **moved = mem_alloc((n + 1) * sizeof *moved);
    for (size_t i = 0; i < n; i++) {
        if (environ[i] == end) end += strlen(environ[i]) + 1;
        moved[i] = mem_strdup(environ[i]);
    }
    moved[n] = NULL;
    environ = moved;
    area = argv[0];
    area_bytes = (size_t)(end - area);
}

/* Settings may not be there yet: a template is checked while the table is being filled. */
static const char *or_empty(const char *s) {
    return s ? s : "";
}

static sds listen_address(sds s) {
    const struct server_config *c = &server_config;
    if (c->port) {
        const char *addr = c->bind_count ? c->bind[0] : "*";
        if (*addr == '-') addr++;
        return sds_cat_printf(s, strchr(addr, ':') ? "[%s]:%d" : "%s:%d", addr, c->port);
    }
    return sds_cat_str(s, or_empty(c->unixsocket));
}

/* The value of one {word}; NULL when the template does not know it. */
static sds expand_word(slice word, const char *title, sds s) {
    if (slice_is(word, "title")) return sds_cat_str(s, title);
    if (slice_is(word, "listen-addr")) return listen_address(s);
    if (slice_is(word, "server-mode")) return s;
    if (slice_is(word, "port")) return sds_cat_printf(s, "%d", server_config.port);
    if (slice_is(word, "tls-port")) return sds_cat_str(s, "0");
    if (slice_is(word, "unixsocket")) return sds_cat_str(s, or_empty(server_config.unixsocket));
    if (slice_is(word, "config-file")) return sds_cat_str(s, or_empty(config_file()));
    return NULL;
}

static sds expand(slice pattern, const char *title) {
    sds s = sds_empty();
    for (size_t i = 0; i < pattern.n;) {
        if (pattern.p[i] != '{') {
            s = sds_cat(s, pattern.p + i++, 1);
            continue;
        }
        const char *close = memchr(pattern.p + i, '}', pattern.n - i);
        slice word = {pattern.p + i + 1, close ? (size_t)(close - (pattern.p + i + 1)) : 0};
        sds more = close ? expand_word(word, title, s) : NULL;
        if (!more) {
            sds_free(s);
            return NULL;
        }
        s = more;
        i += word.n + 2;
    }
    while (sds_len(s) && s[sds_len(s) - 1] == ' ') sds_set_len(s, sds_len(s) - 1);
    return s;
}

bool process_title_valid(slice pattern) {
    sds s = expand(pattern, "");
    sds_free(s);
    return s != NULL;
}

void process_title_update(const char *name) {
    if (!server_config.set_proc_title || area_bytes < 2) return;
    sds s = expand(sds_slice(server_config.proc_title_template), name ? name : program);
    if (!s) return;
    size_t n = sds_len(s) < area_bytes - 1 ? sds_len(s) : area_bytes - 1;
    memcpy(area, s, n);
    memset(area + n, 0, area_bytes - n);
    sds_free(s);
}
