import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commonName, organizationNames } from './subject.ts'

test('the parts of a subject come in the order of the certificate, without escapes', () => {
  const subject = 'CN=cli\\, test,O=Second,O=Org \\+ cli,C=AT'
  assert.equal(commonName(subject), 'cli, test')
  assert.deepEqual(organizationNames(subject), ['Org + cli', 'Second'])
})

test('a subject without them has none', () => {
  assert.equal(commonName(''), '')
  assert.equal(commonName('DCN=x'), '')
  assert.deepEqual(organizationNames('CN=a'), [])
})
