/* See uri.h. An IPv6 address stands in brackets. */
#include "cli/uri.h"
#include "base/num.h"
#include "base/sds.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char bad_escape[] = "Illegal character in URI encoding";

static int hex(char c) {
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower(c) - 'a' + 10 : -1;
}

/* NULL: an escape is not one. */
static sds unescape(const char *p, size_t n) {
    sds out = sds_empty();
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (c == '%') {
            int high = i + 1 < n ? hex(p[i + 1]) : -1, low = i + 2 < n ? hex(p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                sds_free(out);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        out = sds_cat(out, &c, 1);
    }
    return out;
}

/* user:password, or a password alone. No user before the colon is no user. */
static bool parse_credentials(struct uri *uri, const char *p, size_t n) {
    const char *colon = memchr(p, ':', n), *password = colon ? colon + 1 : p;
    if (colon && colon > p && !(uri->user = unescape(p, (size_t)(colon - p)))) return false;
    return (uri->password = unescape(password, (size_t)(p + n - password))) != NULL;
}

const char *uri_parse(struct uri *uri, const char *text) {
    static const char scheme[] = "redis://";
    *uri = (struct uri){.db = -1};
    if (strncasecmp(text, "rediss://", 9) == 0) return "tandem-cli has no TLS";
    if (strncasecmp(text, scheme, strlen(scheme)) != 0) return "Invalid URI scheme";
    const char *p = text + strlen(scheme);
    const char *end = p + strcspn(p, "/"), *at = memrchr(p, '@', (size_t)(end - p));
    if (at) {
        if (!parse_credentials(uri, p, (size_t)(at - p))) return bad_escape;
        p = at + 1;
    }
    bool bracket = *p == '[';
    if (bracket) p++;
    size_t n = strcspn(p, bracket ? "]/" : ":/");
    if (n > 0) uri->host = sds_newlen(p, n);
    p += n;
    if (bracket && *p == ']') p++;
    if (*p == ':') uri->port = atoi(p + 1);
    if (end[0] == '/' && end[1] != '\0') uri->db = atoi(end + 1);
    return NULL;
}
