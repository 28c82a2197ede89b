/* Prototypes of all command handlers; the rows in table_*.c name them, the bodies are in *_cmd.c and friends. */
#ifndef TANDEM_COMMAND_HANDLERS_H
#define TANDEM_COMMAND_HANDLERS_H

#include "command/command.h"

#define HANDLER(name) void name(struct client *c, const slice *argv, int argc)

/* --- string --- */
HANDLER(append_command);
HANDLER(decr_command);
HANDLER(decrby_command);
HANDLER(get_command);
HANDLER(getdel_command);
HANDLER(getex_command);
HANDLER(getrange_command);
HANDLER(getset_command);
HANDLER(incr_command);
HANDLER(incrby_command);
HANDLER(incrbyfloat_command);
HANDLER(lcs_command);
HANDLER(mget_command);
HANDLER(mset_command);
HANDLER(msetnx_command);
HANDLER(psetex_command);
HANDLER(set_command);
HANDLER(setex_command);
HANDLER(setnx_command);
HANDLER(setrange_command);
HANDLER(strlen_command);
/* --- list --- */
HANDLER(blmove_command);
HANDLER(blmpop_command);
HANDLER(blpop_command);
HANDLER(brpop_command);
HANDLER(brpoplpush_command);
HANDLER(lindex_command);
HANDLER(linsert_command);
HANDLER(llen_command);
HANDLER(lmove_command);
HANDLER(lmpop_command);
HANDLER(lpop_command);
HANDLER(lpos_command);
HANDLER(lpush_command);
HANDLER(lpushx_command);
HANDLER(lrange_command);
HANDLER(lrem_command);
HANDLER(lset_command);
HANDLER(ltrim_command);
HANDLER(rpop_command);
HANDLER(rpoplpush_command);
HANDLER(rpush_command);
HANDLER(rpushx_command);
/* --- generic --- */
HANDLER(copy_command);
HANDLER(del_command);
HANDLER(dump_command);
HANDLER(exists_command);
HANDLER(expire_command);
HANDLER(expireat_command);
HANDLER(expiretime_command);
HANDLER(keys_command);
HANDLER(move_command);
HANDLER(object_encoding_command);
HANDLER(object_freq_command);
HANDLER(object_help_command);
HANDLER(object_idletime_command);
HANDLER(object_refcount_command);
HANDLER(persist_command);
HANDLER(pexpire_command);
HANDLER(pexpireat_command);
HANDLER(pexpiretime_command);
HANDLER(pttl_command);
HANDLER(randomkey_command);
HANDLER(rename_command);
HANDLER(renamenx_command);
HANDLER(restore_command);
HANDLER(scan_command);
HANDLER(touch_command);
HANDLER(ttl_command);
HANDLER(type_command);
HANDLER(unlink_command);
HANDLER(wait_command);
/* --- connection --- */
HANDLER(auth_command);
HANDLER(client_getname_command);
HANDLER(client_help_command);
HANDLER(client_id_command);
HANDLER(client_info_command);
HANDLER(client_kill_command);
HANDLER(client_list_command);
HANDLER(client_no_evict_command);
HANDLER(client_pause_command);
HANDLER(client_reply_command);
HANDLER(client_setname_command);
HANDLER(client_unblock_command);
HANDLER(client_unpause_command);
HANDLER(echo_command);
HANDLER(hello_command);
HANDLER(ping_command);
HANDLER(quit_command);
HANDLER(reset_command);
HANDLER(select_command);
/* --- transactions --- */
HANDLER(discard_command);
HANDLER(exec_command);
HANDLER(multi_command);
HANDLER(unwatch_command);
HANDLER(watch_command);
/* --- server --- */
HANDLER(bgsave_command);
HANDLER(command_count_command);
HANDLER(command_docs_command);
HANDLER(command_getkeys_command);
HANDLER(command_getkeysandflags_command);
HANDLER(command_help_command);
HANDLER(command_info_command);
HANDLER(command_list_command);
HANDLER(command_command);
HANDLER(config_get_command);
HANDLER(config_help_command);
HANDLER(config_resetstat_command);
HANDLER(config_rewrite_command);
HANDLER(config_set_command);
HANDLER(dbsize_command);
HANDLER(debug_command);
HANDLER(flushall_command);
HANDLER(flushdb_command);
HANDLER(info_command);
HANDLER(lastsave_command);
HANDLER(lolwut_command);
HANDLER(memory_help_command);
HANDLER(memory_purge_command);
HANDLER(memory_usage_command);
HANDLER(psync_command);
HANDLER(replconf_command);
HANDLER(replicaof_command);
HANDLER(role_command);
HANDLER(save_command);
HANDLER(shutdown_command);
HANDLER(swapdb_command);
HANDLER(sync_command);
HANDLER(time_command);

#undef HANDLER
#endif
