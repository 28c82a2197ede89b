/* What the files of the geo commands share. Functions that return false have replied. */
#ifndef TANDEM_COMMAND_GEO_CMD_H
#define TANDEM_COMMAND_GEO_CMD_H

#include "base/geohash.h"
#include "command/zset_cmd.h"

bool geo_point_args(struct client *c, const slice *argv, struct geo_point *p); /* longitude, latitude */
bool geo_unit_arg(struct client *c, slice s, double *unit_m);
bool geo_find(const struct zset *z, slice member, struct geo_point *p); /* does not reply */
void geo_reply_point(struct client *c, struct geo_point p);
void geo_reply_distance(struct client *c, double distance); /* four digits behind the point */

#endif
