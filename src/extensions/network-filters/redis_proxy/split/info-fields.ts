// What INFO of many hosts consists of (Envoy), in order: whatever else hosts tell is left out.

export interface InfoField {
  readonly section: string
  readonly name: string
  /** 'human': another field's bytes with a unit. */
  readonly how: 'first' | 'sum' | 'max' | 'constant' | 'human' | 'keyspace'
  /** Of 'constant' the value, of 'human' the other field. */
  readonly of: string
}

/** 'name' is a sum, 'name!' the first host's, 'name^' the largest, 'name=x' is x, 'name~' that of `name` without _human. */
const SECTIONS: Readonly<Record<string, string>> = {
  Server: `
    redis_version! redis_git_sha1! redis_git_dirty! redis_build_id! redis_mode=cluster os! arch_bits! monotonic_clock!
    gcc_version! multiplexing_api! atomicvar_api! process_supervised! run_id! server_time_usec! uptime_in_seconds^
    uptime_in_days^ hz! configured_hz! lru_clock! executable! config_file! io_threads_active^`,
  Clients: `
    connected_clients cluster_connections maxclients! client_recent_max_input_buffer^ client_recent_max_output_buffer^
    blocked_clients tracking_clients pubsub_clients watching_clients clients_in_timeout_table total_watched_keys
    total_blocking_keys total_blocking_keys_on_nokey`,
  Memory: `
    used_memory used_memory_human~ used_memory_rss used_memory_rss_human~ used_memory_peak^ used_memory_peak_human~
    used_memory_peak_time! used_memory_overhead used_memory_startup used_memory_dataset total_system_memory
    total_system_memory_human~ used_memory_lua used_memory_vm_eval used_memory_lua_human~ used_memory_scripts_eval
    number_of_cached_scripts number_of_functions number_of_libraries used_memory_vm_functions used_memory_vm_total
    used_memory_vm_total_human~ used_memory_functions used_memory_scripts used_memory_scripts_human~ maxmemory
    maxmemory_human~ maxmemory_policy! mem_fragmentation_bytes allocator_frag_bytes allocator_rss_bytes rss_overhead_bytes
    allocator_allocated allocator_active allocator_resident allocator_muzzy mem_not_counted_for_evict mem_clients_slaves
    mem_clients_normal mem_cluster_links mem_cluster_slot_migration_output_buffer mem_cluster_slot_migration_input_buffer
    mem_cluster_slot_migration_input_buffer_peak^ mem_aof_buffer mem_replication_backlog mem_total_replication_buffers
    mem_allocator! mem_overhead_db_hashtable_rehashing active_defrag_running^ lazyfree_pending_objects lazyfreed_objects`,
  Stats: `
    total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes
    total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes instantaneous_input_kbps
    instantaneous_output_kbps instantaneous_input_repl_kbps instantaneous_output_repl_kbps rejected_connections sync_full
    sync_partial_ok sync_partial_err expired_subkeys expired_keys expired_stale_perc^ expired_time_cap_reached_count
    expire_cycle_cpu_milliseconds evicted_keys evicted_clients evicted_scripts total_eviction_exceeded_time
    current_eviction_exceeded_time^ keyspace_hits keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels
    latest_fork_usec^ total_forks migrate_cached_sockets slave_expires_tracked_keys active_defrag_hits active_defrag_misses
    active_defrag_key_hits active_defrag_key_misses total_active_defrag_time current_active_defrag_time^
    tracking_total_keys tracking_total_items tracking_total_prefixes unexpected_error_replies total_error_replies
    dump_payload_sanitizations total_reads_processed total_writes_processed io_threaded_reads_processed
    io_threaded_writes_processed client_query_buffer_limit_disconnections client_output_buffer_limit_disconnections
    reply_buffer_shrinks reply_buffer_expands eventloop_cycles eventloop_duration_sum eventloop_duration_cmd_sum
    instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec^ acl_access_denied_auth
    acl_access_denied_cmd acl_access_denied_key acl_access_denied_channel`,
  CPU: `
    used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread
    used_cpu_user_main_thread`,
  Cluster: 'cluster_enabled=1',
}

function field(section: string, word: string): InfoField {
  const [name = '', constant] = word.split('=')
  if (constant !== undefined) return { section, name, how: 'constant', of: constant }
  const bare = name.slice(0, -1)
  if (name.endsWith('!')) return { section, name: bare, how: 'first', of: '' }
  if (name.endsWith('^')) return { section, name: bare, how: 'max', of: '' }
  if (name.endsWith('~')) return { section, name: bare, how: 'human', of: bare.replace(/_human$/, '') }
  return { section, name, how: 'sum', of: '' }
}

export const FIELDS: readonly InfoField[] = [
  ...Object.entries(SECTIONS).flatMap(([section, words]) =>
    words
      .trim()
      .split(/\s+/)
      .map(word => field(section, word)),
  ),
  { section: 'Keyspace', name: 'db0', how: 'keyspace', of: '' },
]
