/** Logs of the proxy itself. */
export interface LoggingOptions {
  /** One of LOG_LEVELS. */
  readonly level: string
  /** Component -> level. */
  readonly componentLevels: ReadonlyMap<string, string>
  /** Null: standard error. */
  readonly path: string | null
  /** Null: the default pattern. */
  readonly format: string | null
  readonly json: boolean
  readonly escape: boolean
}

/** What a command line asks of the server. */
export interface ServerOptions {
  readonly configPaths: readonly string[]
  /** Merged over the files. */
  readonly configYaml: string | null
  /** Null: one worker per core. */
  readonly concurrency: number | null
  readonly allowUnknownStaticFields: boolean
  /** Fields that the API does not have are refused in resources that come at run time, too. */
  readonly rejectUnknownDynamicFields: boolean
  /** Such fields are neither told nor counted. */
  readonly ignoreUnknownDynamicFields: boolean
  readonly serviceCluster: string | null
  readonly serviceNode: string | null
  readonly serviceZone: string | null
  /** The admin interface's address is written here. */
  readonly adminAddressPath: string | null
  readonly restartEpoch: number
  readonly baseId: number
  /** How long a drain may take at most. */
  readonly drainTimeMs: number
  /** From its announcement to the closing of the listeners. */
  readonly drainDelayMs: number
  /** False: the default, which may end earlier when nobody is connected. */
  readonly drainDelayIsExact: boolean
  readonly drainStrategy: 'gradual' | 'immediate'
  readonly fileFlushIntervalMs: number
  readonly findingsFormat: 'text' | 'json'
  readonly logging: LoggingOptions
  /** Flags that were given and do nothing here, with the reason; said once in the log. */
  readonly withoutEffect: readonly string[]
}
