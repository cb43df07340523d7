import { declareSupport } from '../support.ts'
import { NO_XDS } from './reasons.ts'

const BOOTSTRAP = 'envoy.config.bootstrap.v3'

declareSupport(`${BOOTSTRAP}.Bootstrap`, {
  supported: [
    'node',
    'static_resources',
    'dynamic_resources',
    'cluster_manager',
    'overload_manager',
    'stats_config',
    'stats_flush_interval',
    'layered_runtime',
    'admin',
    'stats_server_version_override',
    'tracing',
  ],
  refused: {
    hds_config: 'health discovery is not supported by this release',
    flags_path: 'runtime flags of a file are not read; use layered_runtime with a static_layer',
    stats_sinks: 'stats sinks are not supported by this release; scrape /stats/prometheus of the admin interface',
    stats_flush_on_admin: 'stats are always current when the admin interface is asked; leave it out',
    stats_eviction_interval: 'stats are not evicted by this release; leave it out',
    enable_dispatcher_stats: 'there are no Envoy dispatchers to measure; leave it out',
    header_prefix: 'x-envoy is the only prefix in this release',
    use_tcp_for_dns_lookups: 'the resolver chooses UDP or TCP by itself; leave it out',
    dns_resolution_config: 'deprecated; use typed_dns_resolver_config on each cluster',
    typed_dns_resolver_config: 'set it on each cluster instead',
    bootstrap_extensions: 'bootstrap extensions are not supported by this release',
    fatal_actions: 'fatal actions run inside the C++ process of Envoy and have no counterpart here',
    config_sources: NO_XDS,
    default_config_source: NO_XDS,
    default_socket_interface: 'there is one socket interface; leave it out',
    certificate_provider_instances: 'certificate provider plugins are not part of this release; use secrets',
    inline_headers: 'every header name is looked up alike here; leave it out',
    perf_tracing_file_path: 'Perfetto traces are not written; profile with node --cpu-prof',
    xds_delegate_extension: NO_XDS,
    xds_config_tracker_extension: NO_XDS,
    listener_manager: 'there is one listener manager; leave it out',
    application_log_config: 'use --log-format or --log-format-escaped on the command line',
    grpc_async_client_manager_config: 'gRPC clients are not supported by this release',
    enable_worker_cpu_affinity: 'Node.js cannot pin threads; use taskset or the container runtime',
  },
  accepted: {
    node_context_params: 'xdstp names, which would carry it, are not supported by this release',
    deferred_stat_options: 'stats are always created at first use',
    watchdog: 'worker threads are watched by their exit, not by a timer',
    watchdogs: 'worker threads are watched by their exit, not by a timer',
    default_regex_engine: 'there is one regex engine, linear in time as RE2 is',
    memory_allocator_manager: 'memory is managed by the JavaScript engine',
  },
})

declareSupport(`${BOOTSTRAP}.Bootstrap.DynamicResources`, {
  supported: ['cds_config', 'lds_config', 'ads_config'],
  refused: {
    cds_resources_locator: 'collections with xdstp names are not supported by this release; use cds_config',
    lds_resources_locator: 'collections with xdstp names are not supported by this release; use lds_config',
  },
})

declareSupport(`${BOOTSTRAP}.Bootstrap.StaticResources`, {
  supported: ['listeners', 'clusters', 'secrets'],
})

declareSupport(`${BOOTSTRAP}.ClusterManager`, {
  supported: ['local_cluster_name', 'outlier_detection', 'load_stats_config'],
  refused: {
    upstream_bind_config: 'set upstream_bind_config on each cluster instead',
  },
  accepted: { enable_deferred_cluster_creation: 'a worker always creates a cluster at its first use' },
})

declareSupport(`${BOOTSTRAP}.ClusterManager.OutlierDetection`, {
  supported: ['event_log_path'],
  refused: { event_service: 'Envoy has never read it either; use event_log_path' },
})

declareSupport(`${BOOTSTRAP}.LayeredRuntime`, { supported: ['layers'] })

declareSupport(`${BOOTSTRAP}.RuntimeLayer`, {
  supported: ['name', 'static_layer', 'disk_layer', 'admin_layer', 'rtds_layer'],
})

declareSupport(`${BOOTSTRAP}.RuntimeLayer.DiskLayer`, {
  supported: ['symlink_root', 'subdirectory', 'append_service_cluster'],
})

declareSupport(`${BOOTSTRAP}.RuntimeLayer.AdminLayer`, { supported: [] })
