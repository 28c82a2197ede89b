/* Replies as text: byte for byte as redis-cli prints them. */
#ifndef TANDEM_TOOLS_PRINT_H
#define TANDEM_TOOLS_PRINT_H

#include "resp/reader.h"

/* For people: quoted, typed and numbered, every line ended. */
sds print_tty(sds out, const struct resp_value *v);
/* For programs: the bytes as they are, elements of aggregates divided by `delimiter`. No line end behind. */
sds print_raw(sds out, const struct resp_value *v, const char *delimiter);
/* Flat: aggregates within others, and keys and values of maps, are further columns. No line end behind. */
sds print_csv(sds out, const struct resp_value *v);
/* Maps as objects, numbers as numbers. Bytes that are no UTF-8 stay as they are. No line end behind. */
sds print_json(sds out, const struct resp_value *v);

#endif
