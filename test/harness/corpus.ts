// The corpus of a fuzz test: inputs in files beside the code, from which random ones are made, and which are all tested each
// time. An input that fails becomes one of them by itself: it is to be committed with the mend.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type FuzzRandom, fuzz } from './fuzz.ts'

interface Form<T> {
  readonly ending: string
  read(file: string): T
  write(input: T): string
}

/** Text of latin1 as a JSON string, so that line ends and control characters survive. */
const TEXT: Form<string> = {
  ending: '.json',
  read: file => JSON.parse(file),
  write: text => `${JSON.stringify(text)}\n`,
}
const BYTES: Form<Buffer> = {
  ending: '.hex',
  read: file => Buffer.from(file.replace(/\s/g, ''), 'hex'),
  write: bytes => `${bytes.toString('hex').replace(/.{1,96}/g, '$&\n')}`,
}

export class Corpus<T> {
  readonly inputs: readonly (readonly [name: string, input: T])[]
  private readonly folder: URL
  private readonly form: Form<T>

  private constructor(folder: URL, form: Form<T>) {
    this.folder = folder
    this.form = form
    this.inputs = readdirSync(folder)
      .filter(name => name.endsWith(form.ending))
      .sort()
      .map(name => [name, form.read(readFileSync(new URL(name, folder), 'utf8'))])
    if (this.inputs.length === 0) throw new Error(`no ${form.ending} in ${folder.pathname}`)
  }

  /** `folder` ends in '/'. */
  static ofTexts(folder: URL): Corpus<string> {
    return new Corpus(folder, TEXT)
  }

  static ofBytes(folder: URL): Corpus<Buffer> {
    return new Corpus(folder, BYTES)
  }

  /** `check` holds for every file. */
  replay(check: (input: T) => void): void {
    for (const [name, input] of this.inputs) {
      try {
        check(input)
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
      }
    }
  }

  /** Makes inputs out of those there are, for a bounded time; one for which `check` fails is kept. */
  fuzz(
    make: (random: FuzzRandom, input: T) => T,
    check: (input: T, random: FuzzRandom) => void,
    budgetMs = 1000,
  ): void {
    fuzz(random => {
      const input = make(random, random.pick(this.inputs)[1])
      try {
        check(input, random)
      } catch (error) {
        throw new Error(`${this.keep(input)} is in the corpus now: ${(error as Error).message}`, { cause: error })
      }
    }, budgetMs)
  }

  private keep(input: T): string {
    const text = this.form.write(input)
    const name = `found-${createHash('sha256').update(text).digest('hex').slice(0, 12)}${this.form.ending}`
    mkdirSync(this.folder, { recursive: true })
    writeFileSync(new URL(name, this.folder), text)
    return name
  }
}
