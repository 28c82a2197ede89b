/* See manifest.h. Invariant: at most one base, and incr files stand in the order of their sequence numbers. */
#include "aof/manifest.h"

#include "base/alloc.h"
#include "base/num.h"

#define LINE_MAX_BYTES 1024
#define TAIL_SUFFIX    ".tail"

void manifest_free(struct aof_manifest *m) {
    for (int i = 0; i < m->n; i++) sds_free(m->files[i].name);
    mem_free(m->files, (size_t)m->cap * sizeof *m->files);
    *m = (struct aof_manifest){0};
}

void manifest_add(struct aof_manifest *m, slice name, int64_t seq, enum aof_file_type type) {
    if (m->n == m->cap) {
        int cap = m->cap ? m->cap * 2 : 4;
        m->files = mem_resize(m->files, (size_t)m->cap * sizeof *m->files, (size_t)cap * sizeof *m->files);
        m->cap = cap;
    }
    m->files[m->n++] = (struct aof_file){sds_newlen(name.p, name.n), seq, type};
    if (type == AOF_FILE_BASE && seq > m->base_seq) m->base_seq = seq;
    if (type == AOF_FILE_INCR && seq > m->incr_seq) m->incr_seq = seq;
}

void manifest_copy(struct aof_manifest *to, const struct aof_manifest *from) {
    *to = (struct aof_manifest){0};
    for (int i = 0; i < from->n; i++)
        manifest_add(to, sds_slice(from->files[i].name), from->files[i].seq, from->files[i].type);
    to->base_seq = from->base_seq;
    to->incr_seq = from->incr_seq;
}

/* --- text --- */

struct row {
    slice name, seq, type;
};

static const char *read_words(sds *words, int n, struct row *row) {
    if (n < 6 || n % 2) return "Invalid AOF manifest file format";
    *row = (struct row){0};
    for (int i = 0; i < n; i += 2) {
        slice key = sds_slice(words[i]), value = sds_slice(words[i + 1]);
        if (slice_is(key, "file")) {
            row->name = value;
            if (memchr(value.p, '/', value.n)) return "File can't be a path, just a filename";
        } else if (slice_is(key, "seq")) {
            row->seq = value;
        } else if (slice_is(key, "type")) {
            row->type = value;
        } /* other words are for later versions */
    }
    return row->name.n && row->seq.n && row->type.n ? NULL : "Invalid AOF manifest file format";
}

static const char *add_row(struct aof_manifest *m, const struct row *row) {
    int64_t seq;
    if (!num_parse_i64(row->seq, &seq) || seq < 1) return "Invalid AOF manifest file format";
    char type = row->type.p[0];
    if (type == AOF_FILE_BASE) {
        if (manifest_base(m)) return "Found duplicate base file information";
    } else if (type == AOF_FILE_INCR) {
        if (seq <= m->incr_seq) return "Found a non-monotonic sequence number";
    } else if (type != AOF_FILE_HISTORY) {
        return "Unknown AOF file type";
    }
    manifest_add(m, row->name, seq, (enum aof_file_type)type);
    return NULL;
}

static const char *parse_line(struct aof_manifest *m, slice line) {
    struct row row;
    int n;
    if (line.n == 0) return "Invalid AOF manifest file format";
    if (line.n >= LINE_MAX_BYTES) return "The AOF manifest file contains too long line";
    sds *words = sds_split_words(line.p, line.n, &n);
    if (!words) return "Invalid AOF manifest file format";
    const char *err = read_words(words, n, &row);
    if (!err) err = add_row(m, &row);
    sds_free_words(words, n);
    return err;
}

const char *manifest_parse(struct aof_manifest *m, slice text, int *line_number, slice *line) {
    *line_number = 0;
    *line = (slice){"", 0};
    if (text.n == 0) return "Found an empty AOF manifest";
    for (size_t at = 0; at < text.n;) {
        const char *start = text.p + at, *end = memchr(start, '\n', text.n - at);
        size_t n = end ? (size_t)(end - start) : text.n - at;
        at += n + 1;
        ++*line_number;
        while (n && strchr(" \t\r", start[n - 1])) n--;
        while (n && strchr(" \t\r", *start)) start++, n--;
        *line = (slice){start, n};
        if (n && *start == '#') continue;
        const char *err = parse_line(m, *line);
        if (err) return err;
    }
    return NULL;
}

static sds format_row(sds out, const struct aof_file *f) {
    bool plain = sds_len(f->name) > 0;
    for (size_t i = 0; i < sds_len(f->name); i++)
        plain = plain && f->name[i] > ' ' && f->name[i] < 127 && !strchr("\"'\\", f->name[i]);
    out = sds_cat_str(out, "file ");
    out = plain ? sds_cat_str(out, f->name) : sds_cat_repr(out, f->name, sds_len(f->name));
    return sds_cat_printf(out, " seq %lld type %c\n", (long long)f->seq, (char)f->type);
}

sds manifest_format(const struct aof_manifest *m, sds out) {
    static const enum aof_file_type order[] = {AOF_FILE_BASE, AOF_FILE_HISTORY, AOF_FILE_INCR};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < m->n; i++)
            if (m->files[i].type == order[k]) out = format_row(out, &m->files[i]);
    return out;
}

/* --- asking and changing --- */

const struct aof_file *manifest_base(const struct aof_manifest *m) {
    for (int i = 0; i < m->n; i++)
        if (m->files[i].type == AOF_FILE_BASE) return &m->files[i];
    return NULL;
}

const struct aof_file *manifest_first_incr(const struct aof_manifest *m) {
    for (int i = 0; i < m->n; i++)
        if (m->files[i].type == AOF_FILE_INCR) return &m->files[i];
    return NULL;
}

const struct aof_file *manifest_last_incr(const struct aof_manifest *m) {
    for (int i = m->n - 1; i >= 0; i--)
        if (m->files[i].type == AOF_FILE_INCR) return &m->files[i];
    return NULL;
}

static bool has_suffix(const sds name, const char *suffix) {
    size_t n = strlen(suffix);
    return sds_len(name) > n && strcmp(name + sds_len(name) - n, suffix) == 0;
}

const struct aof_file *manifest_tail(const struct aof_manifest *m) {
    const struct aof_file *base = manifest_base(m);
    for (int i = 0; base && i < m->n; i++)
        if (m->files[i].type == AOF_FILE_HISTORY && m->files[i].seq == base->seq &&
            has_suffix(m->files[i].name, TAIL_SUFFIX))
            return &m->files[i];
    return NULL;
}

static const char *add_named(struct aof_manifest *m, sds name, int64_t seq, enum aof_file_type type) {
    manifest_add(m, sds_slice(name), seq, type);
    sds_free(name);
    return m->files[m->n - 1].name;
}

const char *manifest_new_incr(struct aof_manifest *m, const char *filename) {
    int64_t seq = m->incr_seq + 1;
    return add_named(m, sds_cat_printf(sds_empty(), "%s.%lld.incr.aof", filename, (long long)seq), seq,
                     AOF_FILE_INCR);
}

const char *manifest_new_base(struct aof_manifest *m, const char *filename, bool as_rdb) {
    int64_t seq = m->base_seq + 1;
    for (int i = 0; i < m->n; i++)
        if (m->files[i].type == AOF_FILE_BASE) m->files[i].type = AOF_FILE_HISTORY;
    sds name = sds_cat_printf(sds_empty(), "%s.%lld.base.%s", filename, (long long)seq,
                              as_rdb ? "rdb" : "aof");
    return add_named(m, name, seq, AOF_FILE_BASE);
}

const char *manifest_new_tail(struct aof_manifest *m, const char *filename) {
    int64_t seq = m->base_seq;
    return add_named(m, sds_cat_printf(sds_empty(), "%s.%lld" TAIL_SUFFIX, filename, (long long)seq), seq,
                     AOF_FILE_HISTORY);
}

void manifest_retire_incrs(struct aof_manifest *m, bool keep_last) {
    const struct aof_file *last = keep_last ? manifest_last_incr(m) : NULL;
    for (int i = 0; i < m->n; i++)
        if (m->files[i].type == AOF_FILE_INCR && &m->files[i] != last) m->files[i].type = AOF_FILE_HISTORY;
}

void manifest_forget_history(struct aof_manifest *m, const struct aof_file *but) {
    int kept = 0;
    for (int i = 0; i < m->n; i++) {
        if (m->files[i].type == AOF_FILE_HISTORY && &m->files[i] != but)
            sds_free(m->files[i].name);
        else
            m->files[kept++] = m->files[i];
    }
    m->n = kept;
}
