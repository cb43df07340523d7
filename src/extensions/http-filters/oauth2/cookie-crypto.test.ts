import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runtimeSnapshot } from '../../../config/index.ts'
import { csrfToken, decrypt, encrypt, isCsrfToken, isSigned, sign } from './cookie-crypto.ts'

const SECRET = Buffer.from('hmacsecret')
const runtime = (values: Readonly<Record<string, boolean>> = {}) => runtimeSnapshot([values])
const GCM = runtime({ 'envoy.reloadable_features.oauth2_use_gcm_encryption': true })
const GCM_ONLY = runtime({ 'envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat': false })
const PLAIN = runtime()
/** Made by Envoy 1.40. */
const FROM_ENVOY = {
  cbc: 'KOr8BFZdGvKME6UlUfChGcrg_kXuHCpx-O8n43n94ko',
  gcm: 'gcm.Q4zuuTXFGD22HXa5yQDt2EyuhqlFzIctlJIr18HdPw',
  hmac: 'Qhmi0CMTAmhxeJx1dNtMq8InI1YCA1BQ7dpki4fn0mc=',
  csrf: 'a7301f8b7bf82976.zEMuRRBx8AKYdL9/eIImtQ9yBcZtu1ZLu7ZxHWd9DJs=',
}
const VALUES = {
  domain: 'app.test',
  expires: '1795756902',
  accessToken: 'acc',
  idToken: 'idt',
  refreshToken: 'ref',
}

test('what Envoy encrypted is read, and what it signed is good', () => {
  assert.equal(decrypt(FROM_ENVOY.cbc, SECRET, PLAIN), 'acc')
  assert.equal(decrypt(FROM_ENVOY.gcm, SECRET, PLAIN), 'idt')
  assert.equal(sign(SECRET, VALUES), FROM_ENVOY.hmac)
  assert.ok(isSigned(SECRET, VALUES, FROM_ENVOY.hmac))
  assert.equal(csrfToken(SECRET, 'a7301f8b7bf82976'), FROM_ENVOY.csrf)
  assert.ok(isCsrfToken(SECRET, FROM_ENVOY.csrf))
})

test('both ways to encrypt go there and back', () => {
  for (const how of [PLAIN, GCM]) {
    for (const text of ['', 'a', 'x'.repeat(16), '\xff'.repeat(100)]) {
      assert.equal(decrypt(encrypt(text, SECRET, how), SECRET, how), text)
    }
  }
  assert.match(encrypt('a', SECRET, GCM), /^gcm\./)
  assert.equal(decrypt(FROM_ENVOY.cbc, SECRET, GCM_ONLY), null)
})

test('whatever else is sent is refused without an exception', () => {
  for (const text of ['', 'zz', 'gcm.', 'gcm.zz', '\xff', '=', FROM_ENVOY.gcm.slice(4), `gcm.${FROM_ENVOY.cbc}`]) {
    assert.equal(decrypt(text, SECRET, PLAIN), null, text)
  }
  const sealed = encrypt('token', SECRET, GCM)
  assert.equal(decrypt(`${sealed.slice(0, -1)}A`, SECRET, GCM) === 'token', sealed.endsWith('A'))
  assert.equal(isSigned(SECRET, VALUES, ''), false)
  assert.equal(isSigned(SECRET, { ...VALUES, domain: 'app.tesu' }, FROM_ENVOY.hmac), false)
  assert.equal(isCsrfToken(SECRET, 'a7301f8b7bf82976'), false)
})
