/* Ziplists: the packed sequence of Redis before 7.0. Files of RDB versions 2 to 9 carry small lists, hashes and sorted
 * sets in it; here it is only read, and becomes a listpack at once.
 *
 *   offset  size  field
 *   0       4     bytes of the whole, little-endian
 *   4       4     offset of the last entry (of the end mark when there is none), little-endian
 *   8       2     number of entries, little-endian; 65535: not known
 *   10      ..    entries
 *   n - 1   1     0xFF, the end mark
 *
 * An entry: the size of the entry before it (one byte up to 253, else 0xFE and 4 bytes, little-endian), then
 *
 *   00llllll                    string of up to 63 bytes
 *   01llllll l                  string of up to 16383 bytes, high bits first
 *   10000000 l l l l            string, length big-endian
 *   11000000 / 11010000 / 11100000   integer of 2, 4, 8 bytes, signed, little-endian
 *   11110000 / 11111110         integer of 3 bytes, of 1 byte
 *   1111vvvv                    integer vvvv - 1, for vvvv 1 to 13 */
#ifndef TANDEM_RDB_ZIPLIST_H
#define TANDEM_RDB_ZIPLIST_H

#include "base/slice.h"
#include <stdint.h>

/* The same entries as a listpack of the caller's (lp_free). NULL when the bytes, which nobody has checked, are no
 * ziplist: a size, an offset or the count is not what the others say, or what follows does not fit a listpack. */
uint8_t *ziplist_to_listpack(slice ziplist);

#endif
