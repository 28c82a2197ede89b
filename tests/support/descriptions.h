/* What ACL GETUSER and ACL LIST say of users, made comparable: Redis lists single commands in the order of a hash table. */
#ifndef TANDEM_TESTS_DESCRIPTIONS_H
#define TANDEM_TESTS_DESCRIPTIONS_H

#include <hiredis/hiredis.h>

/* Sorts the words of every string in the reply, without the parentheses around selectors. */
void sort_descriptions(redisReply *r);

#endif
