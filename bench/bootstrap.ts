// One bootstrap for Envoy and Outrider alike: request ids and default stats on, an access log only for the typical chain.
import { writeFileSync } from 'node:fs'
import type { Credential } from './credential.ts'
import type { Ports } from './ports.ts'

const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http'

/** What many put in front of a service; nothing of it refuses anything here. */
const TYPICAL_CHAIN = `
          - name: envoy.filters.http.cors
            typed_config: {"@type": ${FILTERS}.cors.v3.Cors}
          - name: envoy.filters.http.rbac
            typed_config:
              "@type": ${FILTERS}.rbac.v3.RBAC
              rules: {action: DENY, policies: {internal: {permissions: [{url_path: {path: {prefix: /internal}}}], principals: [{any: true}]}}}
          - name: envoy.filters.http.header_mutation
            typed_config:
              "@type": ${FILTERS}.header_mutation.v3.HeaderMutation
              mutations: {request_mutations: [{append: {header: {key: x-team, value: edge}}}], response_mutations: [{remove: x-internal}]}
          - name: envoy.filters.http.local_ratelimit
            typed_config:
              "@type": ${FILTERS}.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: {max_tokens: 1000000000, tokens_per_fill: 1000000000, fill_interval: 1s}
              filter_enabled: {default_value: {numerator: 100}}
              filter_enforced: {default_value: {numerator: 100}}
          - name: envoy.filters.http.fault
            typed_config:
              "@type": ${FILTERS}.fault.v3.HTTPFault
              abort: {http_status: 503, percentage: {numerator: 0}}`

/** Reads two headers and writes two, in each direction. */
const LUA_SCRIPT = `
          - name: envoy.filters.http.lua
            typed_config:
              "@type": ${FILTERS}.lua.v3.Lua
              default_source_code:
                inline_string: |
                  function envoy_on_request(handle)
                    local headers = handle:headers()
                    local path = headers:get(":path")
                    if path:sub(1, 4) ~= "/api" then headers:add("x-tenant", headers:get("user-agent") or "none") end
                    headers:replace("x-path-length", #path)
                  end
                  function envoy_on_response(handle)
                    handle:headers():add("x-script", "ran")
                    handle:headers():remove("server")
                  end`

interface ListenerOptions {
  readonly name: string
  readonly port: number
  readonly cluster: string
  readonly filters?: string
  readonly accessLog?: string
  readonly transportSocket?: string
}

const httpListener = ({ name, port, cluster, filters, accessLog, transportSocket }: ListenerOptions): string => `
  - name: ${name}
    address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ${name}
          use_remote_address: true${accessLog ?? ''}
          route_config:
            name: routes
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: "/"}, route: {cluster: ${cluster}}}]
          http_filters:${filters ?? ''}
          - name: envoy.filters.http.router
            typed_config: {"@type": ${FILTERS}.router.v3.Router}${transportSocket ?? ''}`

/** Without resumption, so that each connection costs a full handshake with every proxy. */
const tlsSocket = ({ certificate, key }: Credential): string => `
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          disable_stateless_session_resumption: true
          disable_stateful_session_resumption: true
          common_tls_context: {tls_certificates: [{certificate_chain: {filename: ${certificate}}, private_key: {filename: ${key}}}]}`

const fileLog = (folder: string): string => `
          access_log:
          - name: envoy.access_loggers.file
            typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: ${folder}/access.log}`

const HTTP2_UPSTREAM = `
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}`

const cluster = (name: string, port: number, options = ''): string => `
  - name: ${name}
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {thresholds: [{max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}]}${options}
    load_assignment:
      cluster_name: ${name}
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]`

/** Returns the file's path. */
export function writeBootstrap(folder: string, ports: Ports, credential: Credential): string {
  const file = `${folder}/envoy.yaml`
  const listeners = [
    httpListener({ name: 'http', port: ports.http, cluster: 'origin' }),
    httpListener({ name: 'h2', port: ports.h2, cluster: 'origin' }),
    httpListener({ name: 'h2_to_h2', port: ports.h2ToH2, cluster: 'h2_origin' }),
    httpListener({ name: 'tls', port: ports.tls, cluster: 'origin', transportSocket: tlsSocket(credential) }),
    httpListener({
      name: 'chain',
      port: ports.chain,
      cluster: 'origin',
      filters: TYPICAL_CHAIN,
      accessLog: fileLog(folder),
    }),
    httpListener({ name: 'lua', port: ports.lua, cluster: 'origin', filters: LUA_SCRIPT }),
  ]
  writeFileSync(
    file,
    `admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${ports.admin}}}}
static_resources:
  listeners:${listeners.join('')}
  - name: tcp
    address: {socket_address: {address: 127.0.0.1, port_value: ${ports.tcp}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: origin}
  clusters:${cluster('origin', ports.origin)}${cluster('h2_origin', ports.h2Origin, HTTP2_UPSTREAM)}
`,
  )
  return file
}
