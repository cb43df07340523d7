import { type Endpoint, json, OK, text } from '../endpoint.ts'
import { SchemaJson } from '../schema-json.ts'
import type { AdminSources } from '../sources.ts'

/** LIVE only when the server takes traffic; load balancers in front watch the status. */
export const ready: Endpoint = {
  path: '/ready',
  help: 'print server state, return 200 if LIVE, otherwise return 503',
  handle: (_request, sources) => {
    const state = sources.state()
    return text(`${state}\n`, state === 'LIVE' ? 200 : 503)
  },
}

function serverInfoMessage(sources: AdminSources): object {
  const info = sources.serverInfo()
  return {
    version: info.version,
    state: sources.state(),
    uptime_current_epoch: `${Math.floor(info.uptimeCurrentEpochS)}s`,
    uptime_all_epochs: `${Math.floor(info.uptimeAllEpochsS)}s`,
    hot_restart_version: sources.hotRestartVersion(),
    command_line_options: info.commandLineOptions,
    node: new SchemaJson(sources.schema).message(info.node, 'envoy.config.core.v3.Node'),
  }
}

export const serverInfo: Endpoint = {
  path: '/server_info',
  help: 'print server version/status information',
  handle: (_request, sources) => json(serverInfoMessage(sources)),
}

export const hotRestartVersion: Endpoint = {
  path: '/hot_restart_version',
  help: 'print the hot restart compatibility version',
  handle: (_request, sources) => text(sources.hotRestartVersion()),
}

export const quit: Endpoint = {
  path: '/quitquitquit',
  help: 'exit the server',
  mutates: true,
  handle: (_request, sources) => {
    // After the answer: the exit may cut this very connection.
    setImmediate(() => sources.quit())
    return OK
  },
}

export const healthcheckFail: Endpoint = {
  path: '/healthcheck/fail',
  help: 'cause the server to fail health checks',
  mutates: true,
  handle: (_request, sources) => {
    sources.failHealthChecks()
    return OK
  },
}

export const healthcheckOk: Endpoint = {
  path: '/healthcheck/ok',
  help: 'cause the server to pass health checks',
  mutates: true,
  handle: (_request, sources) => {
    sources.okHealthChecks()
    return OK
  },
}

export const drainListeners: Endpoint = {
  path: '/drain_listeners',
  help: 'drain listeners',
  params: [
    {
      name: 'graceful',
      help: 'When draining listeners, enter a graceful drain period prior to closing listeners. This behaviour and duration is configurable via server options or CLI',
    },
    {
      name: 'skip_exit',
      help: 'When draining listeners, drain the connections but never stop the listeners. The graceful parameter has no effect when this is set, since the drain period only delays stopping the listeners',
    },
    {
      name: 'inboundonly',
      help: 'Drains all inbound listeners. traffic_direction field in envoy_v3_api_msg_config.listener.v3.Listener is used to determine whether a listener is inbound or outbound.',
    },
  ],
  mutates: true,
  handle: ({ params }, sources) => {
    sources.drainListeners({
      inboundOnly: params.has('inboundonly'),
      graceful: params.has('graceful'),
      skipExit: params.has('skip_exit'),
    })
    return OK
  },
}

export const reopenLogs: Endpoint = {
  path: '/reopen_logs',
  help: 'reopen access logs',
  mutates: true,
  handle: (_request, sources) => {
    sources.reopenLogs()
    return OK
  },
}

export const resetCounters: Endpoint = {
  path: '/reset_counters',
  help: 'reset all counters to zero',
  mutates: true,
  handle: (_request, sources) => {
    sources.resetCounters()
    return OK
  },
}
