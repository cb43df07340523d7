// The peers' configurations: the same work for each, tuned as their users would.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

export interface Ports {
  readonly origin: number
  readonly http: number
  readonly tcp: number
  readonly admin: number
}

export interface Peer {
  readonly name: string
  readonly command: readonly string[]
  /** What it cannot do. */
  readonly lacks: readonly string[]
  readonly version: string
}

/** nginx as the origin: a 34-byte answer at /, 1 MiB at /mib. */
export function writeOrigin(folder: string, ports: Ports): string {
  writeFileSync(`${folder}/mib`, Buffer.alloc(1 << 20, 'x'))
  const file = `${folder}/origin.conf`
  writeFileSync(
    file,
    `worker_processes 1; daemon off; pid ${folder}/origin.pid; error_log /dev/null crit;
events { worker_connections 20000; }
http {
  access_log off; sendfile on; keepalive_requests 100000000; keepalive_timeout 1h;
  ${tempPaths(folder)}
  server {
    listen 127.0.0.1:${ports.origin} backlog=4096;
    location = / { return 200 'hello from the origin, 34 bytes ok\\n'; }
    location /mib { root ${folder}; }
  }
}
`,
  )
  return file
}

const tempPaths = (folder: string): string =>
  ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`).join(' ')

/** One bootstrap for Envoy and Outrider alike: request ids and default stats on, no access log. */
export function writeEnvoyBootstrap(folder: string, ports: Ports, routes = ''): string {
  const file = `${folder}/envoy.yaml`
  writeFileSync(
    file,
    `admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${ports.admin}}}}
static_resources:
  listeners:
  - name: http
    address: {socket_address: {address: 127.0.0.1, port_value: ${ports.http}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          use_remote_address: true
          route_config:
            name: routes
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:${routes}
              - {match: {prefix: "/"}, route: {cluster: origin}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  - name: tcp
    address: {socket_address: {address: 127.0.0.1, port_value: ${ports.tcp}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: origin}
  clusters:
  - name: origin
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {thresholds: [{max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}]}
    load_assignment:
      cluster_name: origin
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${ports.origin}}}}}]}]
`,
  )
  return file
}

function writeNginx(folder: string, ports: Ports): string {
  const file = `${folder}/nginx.conf`
  writeFileSync(
    file,
    `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log /dev/null crit;
events { worker_connections 20000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
  ${tempPaths(folder)}
  upstream origin { server 127.0.0.1:${ports.origin}; keepalive 512; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${ports.http} backlog=4096;
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Request-Id $request_id; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 256k;
    }
  }
}
`,
  )
  return file
}

function writeHaproxy(folder: string, ports: Ports): string {
  const file = `${folder}/haproxy.cfg`
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 5000
  tune.bufsize 65536
defaults
  mode http
  timeout client 1h
  timeout server 1h
  timeout connect 5s
  timeout http-keep-alive 1h
  http-reuse always
frontend http
  bind 127.0.0.1:${ports.http} backlog 4096
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header x-request-id
  option forwardfor
  default_backend origin
backend origin
  server origin 127.0.0.1:${ports.origin}
listen tcp
  mode tcp
  option splice-auto
  bind 127.0.0.1:${ports.tcp}
  server origin 127.0.0.1:${ports.origin}
`,
  )
  return file
}

function versionOf(command: string, args: readonly string[]): string | null {
  const { error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error !== undefined) return null
  // nginx tells it on stderr.
  return stdout.trim() || stderr.trim() || 'installed'
}

/** The proxies to measure: Outrider, and whichever peers are installed. `ENVOY` names Envoy's binary. */
export function findPeers(folder: string, ports: Ports, outrider: string): { peers: Peer[]; absent: string[] } {
  const bootstrap = writeEnvoyBootstrap(folder, ports)
  const envoy = process.env['ENVOY'] ?? 'envoy'
  const candidates: [name: string, version: string | null, command: string[], lacks: string[]][] = [
    [
      'outrider',
      versionOf(outrider, ['--version']),
      [outrider, '-c', bootstrap, '--concurrency', '1', '-l', 'critical'],
      [],
    ],
    [
      'envoy',
      versionOf(envoy, ['--version']),
      [envoy, '-c', bootstrap, '--concurrency', '1', '-l', 'critical', '--disable-hot-restart'],
      [],
    ],
    ['nginx', versionOf('nginx', ['-v']), ['nginx', '-e', '/dev/null', '-c', writeNginx(folder, ports)], ['tcp']],
    ['haproxy', versionOf('haproxy', ['-v']), ['haproxy', '-f', writeHaproxy(folder, ports), '-q'], []],
  ]
  const peers: Peer[] = []
  const absent: string[] = []
  for (const [name, version, command, lacks] of candidates) {
    if (version === null) absent.push(name)
    else peers.push({ name, command, lacks, version: /\d+\.\d+[.\d]*/.exec(version)?.[0] ?? version })
  }
  return { peers, absent }
}
