import type { AdminJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher, declareSupport } from '../config/index.ts'
import { type AccessLogPlan, type Address, compileAccessLogs, parseAddress } from '../net/index.ts'

const NO_SOCKET_OPTIONS = 'Node.js offers no way to set socket options; leave it out'

declareSupport('envoy.config.bootstrap.v3.Admin', {
  supported: ['access_log', 'access_log_path', 'profile_path', 'address', 'allow_paths'],
  refused: { socket_options: NO_SOCKET_OPTIONS },
  accepted: { ignore_global_conn_limit: 'the admin listener never counts against the global connection limit here' },
})

/** Where Envoy writes profiles when nothing is said. */
const DEFAULT_PROFILE_PATH = '/var/log/envoy/envoy.prof'

/** envoy.config.bootstrap.v3.Admin, ready to serve. */
export interface AdminPlan {
  readonly address: Address
  readonly profilePath: string
  readonly accessLogs: readonly AccessLogPlan[]
  /** Whether a request for this path (query included, as Envoy compares) may be answered; 403 otherwise. */
  allows(pathWithQuery: string): boolean
}

type PathPredicate = (pathWithQuery: string) => boolean

function compileAllowPaths(admin: AdminJson, context: CompileContext, path: ConfigPath): PathPredicate {
  const at = path.field('allow_paths')
  const patterns = (admin.allowPaths ?? []).map((matcher, i) => compileStringMatcher(matcher, context, at.index(i)))
  return patterns.length === 0 ? () => true : request => patterns.some(matches => matches(request))
}

/** The deprecated form of a file access logger: Envoy's default format, written to this file. */
function compileLogPath(file: string | undefined, context: CompileContext, path: ConfigPath): readonly AccessLogPlan[] {
  if (file === undefined || file === '') return []
  const typedConfig = {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path: file,
  }
  return compileAccessLogs([{ typedConfig }], context, path)
}

/** Compiles bootstrap.admin; null where it has no address, which means no admin interface, as in Envoy. */
export function compileAdmin(
  admin: AdminJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): AdminPlan | null {
  if (admin?.address === undefined) return null
  return Object.freeze({
    address: parseAddress(admin.address),
    profilePath: admin.profilePath ?? DEFAULT_PROFILE_PATH,
    accessLogs: [
      ...compileAccessLogs(admin.accessLog, context, path.field('access_log')),
      ...compileLogPath(admin.accessLogPath, context, path.field('access_log_path')),
    ],
    allows: compileAllowPaths(admin, context, path),
  })
}
