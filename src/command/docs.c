/* COMMAND DOCS, and the notation in which rows state a command's arguments.
 *
 *   arguments: argument argument ...                          separated by one blank
 *   argument:  name '=' type [key-spec] ['TOKEN'] ['?'] ['*'] ['+'] ['@' since] ['!' deprecated-since] ['(' arguments ')']
 *   type:      s string  i integer  d double  k key, p pattern (then the number of its key specification)
 *              u unix-time  t pure-token  o oneof  b block
 *   ? optional   * multiple   + multiple with the token each time
 *
 * For instance: "key=k0 condition=o?@2.6.12(nx=t'NX' xx=t'XX')". The rows are part of the program, so a mistake in
 * one is a failed assertion, found by the test that asks for all docs. */
#include <ctype.h>
#include "base/assert.h"
#include "command/handlers.h"

struct argument {
    slice name, token, since, deprecated; /* p NULL: none */
    char type;
    int key_spec; /* -1: none */
    bool optional, multiple, multiple_token;
    const char *inner; /* behind '(', NULL: none */
};

static slice take_while(const char **p, bool (*in)(char c)) {
    const char *start = *p;
    while (**p && in(**p)) (*p)++;
    return (slice){start, (size_t)(*p - start)};
}

static bool in_name(char c) {
    return isalnum((unsigned char)c) || strchr("-_|/.:", c);
}
static bool in_version(char c) {
    return isdigit((unsigned char)c) || c == '.';
}
static bool in_token(char c) {
    return c != '\'';
}

/* Behind the ')' that closes what p is inside of. Tokens hold no parentheses. */
static const char *skip_group(const char *p) {
    for (int depth = 1; depth > 0; p++) {
        assert_that(*p);
        depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
    }
    return p;
}

/* Parses one argument and returns what follows it: a blank, ')' or the end. */
static const char *parse_argument(const char *p, struct argument *a) {
    *a = (struct argument){.key_spec = -1};
    a->name = take_while(&p, in_name);
    assert_that(a->name.n > 0 && *p == '=' && p[1]);
    a->type = p[1];
    p += 2;
    if (a->type == 'k' || a->type == 'p') a->key_spec = isdigit((unsigned char)*p) ? *p++ - '0' : -1;
    if (*p == '\'') {
        p++;
        a->token = take_while(&p, in_token);
        p++;
    }
    for (; *p && strchr("?*+", *p); p++) {
        a->optional |= *p == '?';
        a->multiple |= *p == '*';
        a->multiple_token |= *p == '+';
    }
    if (*p == '@') p++, a->since = take_while(&p, in_version);
    if (*p == '!') p++, a->deprecated = take_while(&p, in_version);
    if (*p == '(') {
        a->inner = p + 1;
        p = skip_group(p + 1);
    }
    assert_that(*p == '\0' || *p == ' ' || *p == ')');
    return p;
}

static const char *type_name(char type) {
    static const struct {
        char letter;
        const char *name;
    } types[] = {{'s', "string"},    {'i', "integer"},    {'d', "double"}, {'k', "key"},  {'p', "pattern"},
                 {'u', "unix-time"}, {'t', "pure-token"}, {'o', "oneof"},  {'b', "block"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].letter == type) return types[i].name;
    assert_that(!"a type letter of the notation");
    return NULL;
}

static void reply_field(struct reply_buf *b, const char *name, slice value) {
    if (!value.p) return;
    reply_bulk_str(b, name);
    reply_bulk(b, value.p, value.n);
}

static void reply_arguments(struct reply_buf *b, const char *args);

static void reply_argument(struct reply_buf *b, const struct argument *a) {
    int flags = a->optional + a->multiple + a->multiple_token;
    reply_map(b, 2 + (a->key_spec >= 0) + !!a->token.p + !!a->since.p + !!a->deprecated.p + !!flags +
                     !!a->inner);
    reply_field(b, "name", a->name);
    reply_field(b, "type", slice_of(type_name(a->type)));
    if (a->key_spec >= 0) {
        reply_bulk_str(b, "key_spec_index");
        reply_int(b, a->key_spec);
    }
    reply_field(b, "token", a->token);
    reply_field(b, "since", a->since);
    reply_field(b, "deprecated_since", a->deprecated);
    if (flags) {
        reply_bulk_str(b, "flags");
        reply_set(b, flags);
        if (a->optional) reply_status(b, "optional");
        if (a->multiple) reply_status(b, "multiple");
        if (a->multiple_token) reply_status(b, "multiple_token");
    }
    if (a->inner) {
        reply_bulk_str(b, "arguments");
        reply_arguments(b, a->inner);
    }
}

static void reply_arguments(struct reply_buf *b, const char *args) {
    struct reply_mark m = reply_defer(b);
    int64_t n = 0;
    for (const char *p = args; *p && *p != ')'; n++) {
        struct argument a;
        p = parse_argument(p, &a);
        reply_argument(b, &a);
        if (*p == ' ') p++;
    }
    reply_defer_array(b, m, n);
}

/* --- COMMAND DOCS --- */

static int64_t reply_text(struct reply_buf *b, const char *name, const char *text) {
    if (!text) return 0;
    reply_bulk_str(b, name);
    reply_bulk_str(b, text);
    return 1;
}

static int64_t reply_doc_flags(struct reply_buf *b, const struct command *cmd) {
    if (!cmd->deprecated_since && !cmd->is_syscmd) return 0;
    reply_bulk_str(b, "doc_flags");
    reply_set(b, !!cmd->deprecated_since + cmd->is_syscmd);
    if (cmd->deprecated_since) reply_status(b, "deprecated");
    if (cmd->is_syscmd) reply_status(b, "syscmd");
    return 1;
}

static int64_t reply_history(struct reply_buf *b, const struct command *cmd) {
    int n = 0;
    if (!cmd->history) return 0;
    while (cmd->history[n]) n += 2;
    reply_bulk_str(b, "history");
    reply_set(b, n / 2);
    for (int i = 0; i < n; i += 2) {
        reply_array(b, 2);
        reply_bulk_str(b, cmd->history[i]);
        reply_bulk_str(b, cmd->history[i + 1]);
    }
    return 1;
}

static void reply_docs(struct reply_buf *b, const struct command *cmd) {
    reply_bulk_str(b, cmd->name);
    struct reply_mark m = reply_defer(b);
    int64_t n = 0;
    n += reply_text(b, "summary", cmd->summary);
    n += reply_text(b, "since", cmd->since);
    n += reply_text(b, "group", cmd->group);
    n += reply_text(b, "complexity", cmd->complexity);
    n += reply_doc_flags(b, cmd);
    n += reply_text(b, "deprecated_since", cmd->deprecated_since);
    n += reply_text(b, "replaced_by", cmd->replaced_by);
    n += reply_history(b, cmd);
    if (cmd->args) {
        reply_bulk_str(b, "arguments");
        reply_arguments(b, cmd->args);
        n++;
    }
    if (cmd->subcommands) {
        int subs = 0;
        while (cmd->subcommands[subs].name) subs++;
        reply_bulk_str(b, "subcommands");
        reply_map(b, subs);
        for (int i = 0; i < subs; i++) reply_docs(b, &cmd->subcommands[i]);
        n++;
    }
    reply_defer_map(b, m, n);
}

void command_docs_command(struct client *c, const slice *argv, int argc) {
    struct reply_buf *b = &c->out;
    if (argc == 2) {
        reply_map(b, command_count());
        for (int i = 0; i < command_count(); i++) reply_docs(b, command_at(i));
        return;
    }
    struct reply_mark m = reply_defer(b);
    int64_t n = 0;
    for (int i = 2; i < argc; i++) {
        const struct command *cmd = command_lookup_full(argv[i]);
        if (!cmd) continue;
        reply_docs(b, cmd);
        n++;
    }
    reply_defer_map(b, m, n);
}
