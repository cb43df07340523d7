import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { schemaTable } from './table.ts'

const OVERLAY = new URL('../../../proto-overlay/', import.meta.url)

/**
 * Message -> field -> number, type, label, first Envoy release; taken from Envoy's published descriptors. Fields of this
 * proxy's own say 'outrider' for a release.
 */
type Facts = Record<string, Record<string, readonly [number, string, string, string?]>>

const facts = JSON.parse(readFileSync(new URL('facts.json', OVERLAY), 'utf8')) as Facts

test('every overlay field has the number, type and label that Envoy published', () => {
  for (const [message, fields] of Object.entries(facts)) {
    const schema = schemaTable().message(message)
    assert.ok(schema, message)
    for (const [name, [number, type, label]] of Object.entries(fields)) {
      const field = schema.byKey.get(name)
      assert.ok(field, `${message}.${name}`)
      assert.equal(field.number, number, `${message}.${name}`)
      assert.equal(field.repeated, label === 'repeated', `${message}.${name}`)
      if (label !== 'map') assert.ok(field.typeName === type || field.kind === type, `${message}.${name} is ${type}`)
    }
  }
})

test('the overlay holds no field that the facts do not know', () => {
  const known = new Set(
    Object.values(facts).flatMap(fields => Object.entries(fields).map(([name, [number]]) => `${name} = ${number}`)),
  )
  for (const file of readdirSync(new URL('envoy/', OVERLAY), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.proto')) continue
    const text = readFileSync(new URL(`envoy/${file}`, OVERLAY), 'utf8').replace(/enum \w+ \{[^}]*\}/g, '')
    for (const [, name, number] of text.matchAll(/^\s+(?:repeated |optional )?[\w.<>, ]+ (\w+) = (\d+)[ ;]/gm)) {
      assert.ok(known.has(`${name} = ${number}`), `${file}: ${name} = ${number}`)
    }
  }
})
