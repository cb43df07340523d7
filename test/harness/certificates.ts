import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

export interface CertificateRequest {
  /** '/C=US/O=a/CN=b' */
  readonly subject?: string
  /** As openssl wants them: 'DNS:a.test,URI:spiffe://t/x'; null: none. */
  readonly sans?: string | null
  readonly rsa?: boolean
  /** How long it holds; negative: it has expired. */
  readonly days?: number
  /** Who signs it, instead of the authority itself. */
  readonly issuer?: CertificateFiles
  /** Further lines of the extension section. */
  readonly extensions?: string
}

/** A certificate authority of one test file, with everything it signs in a folder of its own; needs `openssl`. */
export class TestAuthority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'certificates-'))
  /** File of the authority's certificate. */
  readonly ca: string
  readonly caKey: string
  private count = 0

  constructor(commonName = 'Test CA') {
    this.ca = join(this.folder, 'ca.pem')
    this.caKey = join(this.folder, 'ca.key')
    this.openssl(
      'req',
      '-x509',
      ...newKey(false, this.caKey),
      '-out',
      this.ca,
      '-days',
      '30',
      '-subj',
      `/CN=${commonName}`,
    )
  }

  /** Signs a certificate for a fresh key. */
  issue(name: string, request: CertificateRequest = {}): CertificateFiles {
    const base = join(this.folder, `${++this.count}-${name}`)
    const files = { cert: `${base}.pem`, key: `${base}.key` }
    const names = request.sans === null ? '' : `subjectAltName=${request.sans ?? `DNS:${name}`}`
    const section = [names, request.extensions ?? ''].join('\n')
    writeFileSync(`${base}.ext`, section)
    const subject = request.subject ?? `/CN=${name}`
    this.openssl('req', ...newKey(request.rsa ?? false, files.key), '-out', `${base}.csr`, '-subj', subject)
    const issuer = request.issuer ?? { cert: this.ca, key: this.caKey }
    const signing = [
      '-CA',
      issuer.cert,
      '-CAkey',
      issuer.key,
      '-set_serial',
      `0x10${this.count.toString(16).padStart(4, '0')}`,
      '-days',
      String(request.days ?? 20),
    ]
    this.openssl('x509', '-req', '-in', `${base}.csr`, ...signing, '-extfile', `${base}.ext`, '-out', files.cert)
    return files
  }

  /** Runs openssl in the folder; its output. */
  openssl(...args: readonly string[]): string {
    return execFileSync('openssl', args, { cwd: this.folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }

  read(file: string): string {
    return readFileSync(file, 'utf8')
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function newKey(rsa: boolean, file: string): readonly string[] {
  const kind = rsa ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  return ['-newkey', ...kind, '-nodes', '-keyout', file]
}
