/* The manifest as text: what is written is read again, what is wrong is named. */
#include <criterion/criterion.h>

#include "aof/manifest.h"

static const char *parse(struct aof_manifest *m, const char *text, int *at_line) {
    slice line;
    *m = (struct aof_manifest){0};
    return manifest_parse(m, slice_of(text), at_line, &line);
}

static void expect_text(const struct aof_manifest *m, const char *text) {
    sds out = manifest_format(m, sds_empty());
    cr_assert_str_eq(out, text);
    sds_free(out);
}

Test(manifest, base_history_incr_in_that_order) {
    struct aof_manifest m;
    int at;
    cr_assert_null(parse(&m,
                         "# a comment\n"
                         "file a.aof.1.incr.aof seq 1 type h\n"
                         "file a.aof.2.incr.aof seq 2 type i\n"
                         "file a.aof.2.base.rdb seq 2 type b\n"
                         "file a.aof.3.incr.aof seq 3 type i\n",
                         &at));
    cr_assert_str_eq(manifest_base(&m)->name, "a.aof.2.base.rdb");
    cr_assert_str_eq(manifest_last_incr(&m)->name, "a.aof.3.incr.aof");
    expect_text(&m, "file a.aof.2.base.rdb seq 2 type b\n"
                    "file a.aof.1.incr.aof seq 1 type h\n"
                    "file a.aof.2.incr.aof seq 2 type i\n"
                    "file a.aof.3.incr.aof seq 3 type i\n");
    manifest_free(&m);
}

Test(manifest, a_rewrite_step_by_step) {
    struct aof_manifest m = {0}, copy;
    cr_assert_str_eq(manifest_new_base(&m, "f", true), "f.1.base.rdb");
    cr_assert_str_eq(manifest_new_incr(&m, "f"), "f.1.incr.aof");
    cr_assert_str_eq(manifest_new_incr(&m, "f"), "f.2.incr.aof");
    manifest_copy(&copy, &m);
    cr_assert_str_eq(manifest_new_base(&copy, "f", false), "f.2.base.aof");
    manifest_retire_incrs(&copy, true);
    expect_text(&copy, "file f.2.base.aof seq 2 type b\n"
                       "file f.1.base.rdb seq 1 type h\n"
                       "file f.1.incr.aof seq 1 type h\n"
                       "file f.2.incr.aof seq 2 type i\n");
    manifest_forget_history(&copy, NULL);
    expect_text(&copy, "file f.2.base.aof seq 2 type b\nfile f.2.incr.aof seq 2 type i\n");
    manifest_retire_incrs(&copy, false);
    cr_assert_null(manifest_last_incr(&copy));
    cr_assert_str_eq(manifest_new_incr(&copy, "f"), "f.3.incr.aof");
    manifest_free(&copy);
    expect_text(&m, "file f.1.base.rdb seq 1 type b\n"
                    "file f.1.incr.aof seq 1 type i\n"
                    "file f.2.incr.aof seq 2 type i\n");
    manifest_free(&m);
}

/* It belongs to one base, and goes with it. */
Test(manifest, a_tail_of_the_log) {
    struct aof_manifest m = {0}, again;
    int at;
    manifest_new_base(&m, "f", true);
    manifest_new_incr(&m, "f");
    cr_assert_str_eq(manifest_new_tail(&m, "f"), "f.1.tail");
    cr_assert_str_eq(manifest_tail(&m)->name, "f.1.tail");
    manifest_new_incr(&m, "f");
    cr_assert_str_eq(manifest_first_incr(&m)->name, "f.1.incr.aof");
    manifest_new_base(&m, "f", true);
    manifest_retire_incrs(&m, true);
    cr_assert_null(manifest_tail(&m), "that one was the old base's");
    manifest_new_tail(&m, "f");
    cr_assert_str_eq(manifest_tail(&m)->name, "f.2.tail");
    manifest_forget_history(&m, manifest_tail(&m));
    expect_text(&m, "file f.2.base.rdb seq 2 type b\n"
                    "file f.2.tail seq 2 type h\n"
                    "file f.2.incr.aof seq 2 type i\n");
    cr_assert_null(parse(&again,
                         "file f.2.base.rdb seq 2 type b\nfile f.2.incr.aof seq 2 type h\n"
                         "file f.2.tail seq 2 type h\n",
                         &at));
    cr_assert_str_eq(manifest_tail(&again)->name, "f.2.tail");
    manifest_forget_history(&again, NULL);
    cr_assert_null(manifest_tail(&again));
    manifest_free(&again);
    manifest_free(&m);
}

Test(manifest, names_with_blanks_are_quoted) {
    struct aof_manifest m = {0}, again;
    int at;
    manifest_new_incr(&m, "my \"file\"");
    sds text = manifest_format(&m, sds_empty());
    cr_assert_str_eq(text, "file \"my \\\"file\\\".1.incr.aof\" seq 1 type i\n");
    cr_assert_null(parse(&again, text, &at));
    cr_assert_str_eq(manifest_last_incr(&again)->name, "my \"file\".1.incr.aof");
    sds_free(text);
    manifest_free(&m);
    manifest_free(&again);
}

Test(manifest, what_is_wrong_is_named_with_its_line) {
    static const struct {
        const char *text, *err;
        int line;
    } cases[] = {
        {"", "Found an empty AOF manifest", 0},
        {"\n", "Invalid AOF manifest file format", 1},
        {"file a seq 1\n", "Invalid AOF manifest file format", 1},
        {"file a seq 1 type b extra\n", "Invalid AOF manifest file format", 1},
        {"file a seq x type b\n", "Invalid AOF manifest file format", 1},
        {"file \"a seq 1 type b\n", "Invalid AOF manifest file format", 1},
        {"file ../a seq 1 type b\n", "File can't be a path, just a filename", 1},
        {"file a seq 1 type z\n", "Unknown AOF file type", 1},
        {"file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information", 2},
        {"file a seq 2 type i\nfile b seq 2 type i\n", "Found a non-monotonic sequence number", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct aof_manifest m;
        int line;
        const char *err = parse(&m, cases[i].text, &line);
        cr_assert_not_null(err, "%s", cases[i].text);
        cr_assert_str_eq(err, cases[i].err, "%s", cases[i].text);
        cr_assert_eq(line, cases[i].line, "%s", cases[i].text);
        manifest_free(&m);
    }
}

Test(manifest, a_line_that_is_too_long) {
    struct aof_manifest m;
    int line;
    char text[1200] = "file ";
    memset(text + 5, 'a', 1100);
    strcat(text, " seq 1 type b\n");
    cr_assert_str_eq(parse(&m, text, &line), "The AOF manifest file contains too long line");
}
