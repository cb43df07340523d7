import { readFileSync } from 'node:fs'
import { INSTALLATION } from './installation.ts'

const PACKAGE_FILE = new URL('package.json', INSTALLATION)

/** Version of the package, such as '0.1.0'. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')) as { version: string }).version
}
