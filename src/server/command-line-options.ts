import type { ServerOptions } from './options.ts'

const seconds = (ms: number): string => `${ms / 1000}s`

/** The fields of envoy.admin.v3.CommandLineOptions that have a value here. */
export function commandLineOptions(options: ServerOptions, concurrency: number): Readonly<Record<string, unknown>> {
  const { logging } = options
  return {
    base_id: String(options.baseId),
    concurrency,
    config_path: options.configPaths[0] ?? '',
    config_yaml: options.configYaml ?? '',
    allow_unknown_static_fields: options.allowUnknownStaticFields,
    reject_unknown_dynamic_fields: options.rejectUnknownDynamicFields,
    ignore_unknown_dynamic_fields: options.ignoreUnknownDynamicFields,
    admin_address_path: options.adminAddressPath ?? '',
    local_address_ip_version: 'v4',
    log_level: logging.level,
    component_log_level: [...logging.componentLevels].map(([name, level]) => `${name}:${level}`).join(','),
    log_format: logging.format ?? (logging.json ? 'json' : '[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v'),
    log_format_escaped: logging.escape,
    log_path: logging.path ?? '',
    service_cluster: options.serviceCluster ?? '',
    service_node: options.serviceNode ?? '',
    service_zone: options.serviceZone ?? '',
    mode: 'Serve',
    disable_hot_restart: true,
    enable_mutex_tracing: false,
    restart_epoch: options.restartEpoch,
    cpuset_threads: false,
    file_flush_interval: seconds(options.fileFlushIntervalMs),
    drain_time: seconds(options.drainTimeMs),
    drain_strategy: options.drainStrategy === 'immediate' ? 'Immediate' : 'Gradual',
    parent_shutdown_time: '900s',
  }
}
