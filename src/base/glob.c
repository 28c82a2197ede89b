/* Glob matching without recursion. Every element but a star takes exactly one byte, so on a mismatch it is enough
 * to let the *last* star take one byte more: O(pattern * string) at worst, however many stars there are.
 *
 * The corners follow the reference: a class that is not closed reaches to the pattern's end, "[]" is an empty class,
 * "a-]" inside a class is a range, a range may be given backwards, bytes compare as signed in ranges, and a
 * backslash that ends the pattern is itself. The empty string matches "" and "*" only: the reference special-cases
 * "*" for keys and otherwise never tries a pattern on it. */
#include "base/glob.h"

static inline int fold(char c, bool nocase) {
    return nocase && c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Does the class at *p (behind its '[') hold c? *p moves behind the class. */
static bool class_holds(const char **p, const char *end, char c, bool nocase) {
    const char *at = *p;
    bool negated = at < end && *at == '^', found = false;
    if (negated) at++;
    while (at < end && *at != ']') {
        if (*at == '\\' && end - at >= 2) {
            found |= at[1] == c; /* case matters for escaped bytes, as in the reference */
            at += 2;
        } else if (end - at >= 3 && at[1] == '-') {
            int low = fold(at[0], false), high = fold(at[2], false);
            if (low > high) {
                int swap = low;
                low = high;
                high = swap;
            }
            low = fold((char)low, nocase);
            high = fold((char)high, nocase);
            int byte = fold(c, nocase);
            found |= byte >= low && byte <= high;
            at += 3;
        } else {
            found |= fold(*at, nocase) == fold(c, nocase);
            at++;
        }
    }
    *p = at < end ? at + 1 : end;
    return found != negated;
}

/* Matches one element that is not a star against c; *p moves behind it. */
static bool element_takes(const char **p, const char *end, char c, bool nocase) {
    char e = *(*p)++;
    if (e == '?') return true;
    if (e == '[') return class_holds(p, end, c, nocase);
    if (e == '\\' && *p < end) e = *(*p)++;
    return fold(e, nocase) == fold(c, nocase);
}

bool glob_match(slice pattern, slice s, bool nocase) {
    if (s.n == 0) return pattern.n == 0 || (pattern.n == 1 && *pattern.p == '*');
    const char *p = pattern.p, *p_end = p + pattern.n;
    const char *at = s.p, *s_end = at + s.n;
    const char *star = NULL, *star_at = NULL; /* behind the last star, and where what it takes ends */
    while (at < s_end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            star_at = at;
            if (p == p_end) return true;
            continue;
        }
        if (p < p_end && element_takes(&p, p_end, *at, nocase)) {
            at++;
            continue;
        }
        if (!star) return false;
        p = star;
        at = ++star_at;
    }
    while (p < p_end && *p == '*') p++;
    return p == p_end;
}
