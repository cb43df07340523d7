import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../../config/index.ts'
import { compileUsers } from './users.ts'

const hashOf = (password: string): string => `{SHA}${createHash('sha1').update(password).digest('base64')}`

function compile(text: string) {
  const diagnostics = new Diagnostics()
  const context = {
    diagnostics,
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: () => Buffer.alloc(0),
  }
  const users = compileUsers({ inlineString: text }, context, ConfigPath.root.field('users'))
  return { users, problems: diagnostics.list.map(({ message }) => message) }
}

test('users are who knows their passwords', () => {
  const { users, problems } = compile(`# comment\r\n\njoe:${hashOf('a:b')}\r\njürgen:${hashOf('x')}\n`)
  assert.deepEqual(problems, [])
  assert.equal(users.accepts('joe', 'a:b'), true)
  assert.equal(users.accepts('joe', 'a'), false)
  assert.equal(users.accepts('bob', 'a:b'), false)
  assert.equal(users.accepts(Buffer.from('jürgen').toString('latin1'), 'x'), true)
})

test('every bad line is reported with its number', () => {
  const { problems } = compile(
    `joe\n:${hashOf('a')}\njoe:plain\njoe:{SHA}short\njoe:${hashOf('a')}\njoe:${hashOf('b')}`,
  )
  assert.deepEqual(problems, [
    'line 1 of the users: there is no user name',
    'line 2 of the users: there is no user name',
    'line 3 of the users: passwords must be hashed with SHA-1',
    'line 4 of the users: the hash has not the length of a SHA-1',
    'line 6 of the users: user joe stands there twice',
  ])
})
