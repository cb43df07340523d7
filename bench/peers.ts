// The peers' configurations: the same work for each, tuned as their users would.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { writeBootstrap } from './bootstrap.ts'
import { type Credential, writeCredential } from './credential.ts'
import type { Ports, Service } from './ports.ts'

export interface Peer {
  readonly name: string
  readonly command: readonly string[]
  /** What it cannot do. */
  readonly lacks: readonly Service[]
  readonly version: string
}

/** nginx as the HTTP/1 origin: a 34-byte answer at /, 1 MiB at /mib. */
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

/** nghttpd as the HTTP/2 origin of the same answer. */
export function h2Origin(folder: string, ports: Ports): readonly string[] {
  writeFileSync(`${folder}/index.html`, 'hello from the origin, 34 bytes ok\n')
  return ['nghttpd', '--no-tls', '-n1', '-d', folder, '-a', '127.0.0.1', String(ports.h2Origin)]
}

const tempPaths = (folder: string): string =>
  ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`).join(' ')

function writeNginx(folder: string, ports: Ports, { certificate, key }: Credential): string {
  const file = `${folder}/nginx.conf`
  writeFileSync(
    file,
    `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log /dev/null crit;
events { worker_connections 20000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
  ${tempPaths(folder)}
  upstream origin { server 127.0.0.1:${ports.origin}; keepalive 512; keepalive_requests 100000000; }
  ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_session_tickets off; ssl_session_cache off;
  server {
    listen 127.0.0.1:${ports.http} backlog=4096;
    listen 127.0.0.1:${ports.h2} http2 backlog=4096;
    listen 127.0.0.1:${ports.tls} ssl backlog=4096;
    http2_max_concurrent_streams 1024;
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

function writeHaproxy(folder: string, ports: Ports, { both }: Credential): string {
  const file = `${folder}/haproxy.cfg`
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 5000
  tune.bufsize 65536
  tune.ssl.cachesize 0
  ssl-default-bind-options no-tls-tickets
  tune.h2.max-concurrent-streams 1024
defaults
  mode http
  timeout client 1h
  timeout server 1h
  timeout connect 5s
  timeout http-keep-alive 1h
  http-reuse always
frontend http
  bind 127.0.0.1:${ports.http} backlog 4096
  bind 127.0.0.1:${ports.h2} proto h2 backlog 4096
  bind 127.0.0.1:${ports.tls} ssl crt ${both} backlog 4096
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header x-request-id
  option forwardfor
  default_backend origin
frontend h2
  bind 127.0.0.1:${ports.h2ToH2} proto h2 backlog 4096
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header x-request-id
  option forwardfor
  default_backend h2-origin
backend h2-origin
  server origin 127.0.0.1:${ports.h2Origin} proto h2
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
  const credential = writeCredential(folder)
  const bootstrap = writeBootstrap(folder, ports, credential)
  const envoy = process.env['ENVOY'] ?? 'envoy'
  const candidates: [name: string, version: string | null, command: string[], lacks: Service[]][] = [
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
    [
      'nginx',
      versionOf('nginx', ['-v']),
      ['nginx', '-e', '/dev/null', '-c', writeNginx(folder, ports, credential)],
      ['tcp', 'h2ToH2', 'chain', 'lua'],
    ],
    [
      'haproxy',
      versionOf('haproxy', ['-v']),
      ['haproxy', '-f', writeHaproxy(folder, ports, credential), '-q'],
      ['chain', 'lua'],
    ],
  ]
  const peers: Peer[] = []
  const absent: string[] = []
  for (const [name, version, command, lacks] of candidates) {
    if (version === null) absent.push(name)
    else peers.push({ name, command, lacks, version: /\d+\.\d+[.\d]*/.exec(version)?.[0] ?? version })
  }
  return { peers, absent }
}
