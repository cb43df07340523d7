/** One command-line flag. `effect` says, of a flag that only real Envoy gives meaning to, why it does nothing here. */
export interface Flag {
  readonly name: string
  readonly short?: string
  readonly kind: 'text' | 'number' | 'switch'
  /** May be given several times; the values are collected. */
  readonly many?: boolean
  readonly choices?: readonly string[]
  readonly help: string
  readonly noEffect?: string
}

export const HELP: Flag = { name: 'help', short: 'h', kind: 'switch', help: 'Show this help.' }
export const FORMAT: Flag = {
  name: 'format',
  kind: 'text',
  choices: ['text', 'json'],
  help: 'How findings are printed: text (default) or json.',
}

const LEVELS = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off']
const HOT_RESTART = 'hot restart is not part of this release'
const NO_SHARED_MEMORY = 'nothing is shared with other processes'

/** The flags of Envoy's command line, and the few of our own. */
export const SERVE_FLAGS: readonly Flag[] = [
  {
    name: 'config-path',
    short: 'c',
    kind: 'text',
    many: true,
    help: 'Bootstrap file: YAML, JSON or binary (.pb). Several are merged.',
  },
  { name: 'config-yaml', kind: 'text', help: 'Bootstrap as inline YAML, merged over the files.' },
  {
    name: 'mode',
    kind: 'text',
    choices: ['serve', 'validate', 'init_only'],
    help: 'serve (default), validate, init_only.',
  },
  { name: 'concurrency', kind: 'number', help: 'Worker threads; default: one per core.' },
  { name: 'log-level', short: 'l', kind: 'text', choices: LEVELS, help: 'Log level of all components; default info.' },
  { name: 'component-log-level', kind: 'text', help: 'Levels of single components: upstream:debug,config:trace.' },
  { name: 'log-path', kind: 'text', help: 'Log to this file instead of standard error.' },
  { name: 'log-format', kind: 'text', help: "Pattern of a log line, or 'json'." },
  { name: 'log-format-escaped', kind: 'switch', help: 'Write line breaks in messages as \\n.' },
  { name: 'format', kind: 'text', choices: ['text', 'json'], help: 'How configuration findings are printed.' },
  { name: 'service-cluster', kind: 'text', help: 'Overrides node.cluster.' },
  { name: 'service-node', kind: 'text', help: 'Overrides node.id.' },
  { name: 'service-zone', kind: 'text', help: 'Overrides node.locality.zone.' },
  { name: 'admin-address-path', kind: 'text', help: 'Write the address of the admin listener to this file.' },
  { name: 'drain-time-s', kind: 'number', help: 'Seconds a drain may take; default 600.' },
  {
    name: 'drain-delay',
    kind: 'text',
    help: "Time from the announcement of a drain to the closing of the listeners, such as '2s'; default: half the drain time, 5 s at most.",
  },
  { name: 'drain-strategy', kind: 'text', choices: ['gradual', 'immediate'], help: 'gradual (default) or immediate.' },
  { name: 'file-flush-interval-msec', kind: 'number', help: 'How often access logs are flushed; default 10000.' },
  {
    name: 'file-flush-min-size-kb',
    kind: 'number',
    help: '',
    noEffect: 'access logs are also flushed at 64 KiB, always',
  },
  { name: 'allow-unknown-static-fields', kind: 'switch', help: 'Unknown fields are warnings, not errors.' },
  { name: 'allow-unknown-fields', kind: 'switch', help: 'The older name of --allow-unknown-static-fields.' },
  { name: 'reject-unknown-dynamic-fields', kind: 'switch', help: 'Unknown fields of discovered resources are errors.' },
  { name: 'ignore-unknown-dynamic-fields', kind: 'switch', help: 'Nor are they told of or counted.' },
  { name: 'base-id', kind: 'number', help: 'Told apart by Envoy.', noEffect: NO_SHARED_MEMORY },
  { name: 'use-dynamic-base-id', kind: 'switch', help: '', noEffect: NO_SHARED_MEMORY },
  { name: 'base-id-path', kind: 'text', help: '', noEffect: NO_SHARED_MEMORY },
  { name: 'restart-epoch', kind: 'number', help: 'Shown by /server_info.', noEffect: HOT_RESTART },
  { name: 'disable-hot-restart', kind: 'switch', help: '', noEffect: HOT_RESTART },
  { name: 'hot-restart-version', kind: 'switch', help: "Print 'disabled' and exit." },
  { name: 'parent-shutdown-time-s', kind: 'number', help: '', noEffect: HOT_RESTART },
  { name: 'skip-hot-restart-on-no-parent', kind: 'switch', help: '', noEffect: HOT_RESTART },
  { name: 'skip-hot-restart-parent-stats', kind: 'switch', help: '', noEffect: HOT_RESTART },
  { name: 'socket-path', kind: 'text', help: '', noEffect: HOT_RESTART },
  { name: 'socket-mode', kind: 'text', help: '', noEffect: HOT_RESTART },
  {
    name: 'local-address-ip-version',
    kind: 'text',
    choices: ['v4', 'v6'],
    help: '',
    noEffect: 'the address of this host is not used by anything in this release',
  },
  {
    name: 'skip-deprecated-logs',
    kind: 'switch',
    help: '',
    noEffect: 'deprecated fields are told at debug level only',
  },
  { name: 'enable-mutex-tracing', kind: 'switch', help: '', noEffect: 'workers share no locks' },
  {
    name: 'cpuset-threads',
    kind: 'switch',
    help: '',
    noEffect: 'the default concurrency follows the CPU affinity already',
  },
  { name: 'disable-extensions', kind: 'text', help: '', noEffect: 'extensions that are not configured cost nothing' },
  { name: 'enable-fine-grain-logging', kind: 'switch', help: '', noEffect: 'levels are set by component' },
  { name: 'log-stacktrace-single-entry', kind: 'switch', help: '', noEffect: 'a stack trace is one entry already' },
  { name: 'enable-core-dump', kind: 'switch', help: '', noEffect: 'the operating system decides on core dumps' },
  { name: 'bootstrap-version', kind: 'number', help: '', noEffect: 'there is one API version, v3' },
  { name: 'stats-tag', kind: 'text', many: true, help: '', noEffect: 'use stats_config.stats_tags in the bootstrap' },
  { name: 'version', kind: 'switch', help: 'Print the version and exit.' },
  HELP,
]
