/* Replies as text: byte for byte the two forms of redis-cli. */
#ifndef TANDEM_TOOLS_PRINT_H
#define TANDEM_TOOLS_PRINT_H

#include "resp/reader.h"

/* For people: quoted, typed and numbered, every line ended. */
sds print_tty(sds out, const struct resp_value *v);
/* For programs: the bytes as they are, elements of aggregates divided by `delimiter`. No line end behind. */
sds print_raw(sds out, const struct resp_value *v, const char *delimiter);

#endif
