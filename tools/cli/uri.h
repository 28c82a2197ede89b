/* redis://[[user]:password@]host[:port][/db], with %XX escapes in user and password. */
#ifndef TANDEM_TOOLS_URI_H
#define TANDEM_TOOLS_URI_H

struct uri {
    char *host, *user, *password; /* sds, or NULL where the address has none; the caller's */
    int port;                     /* 0: none */
    int db;                       /* -1: none */
};

/* NULL, or what is wrong; then *uri is to be forgotten. */
const char *uri_parse(struct uri *uri, const char *text);

#endif
