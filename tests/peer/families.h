/* The rules of the families' differential tests, for the test that mixes them (test_all_families.c). */
#ifndef TANDEM_TESTS_FAMILIES_H
#define TANDEM_TESTS_FAMILIES_H

#include "support/differential.h"

struct rule_set {
    const char *name;
    const struct rule *rules;
    int n;
};
extern const struct rule_set key_rules, bitmap_rules, geo_rules, hash_rules, hll_rules, list_rules, set_rules,
    sort_rules, stream_rules, zset_rules;

#endif
