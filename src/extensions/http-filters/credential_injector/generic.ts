// A secret as it stands, in a header.
import type { GenericJson } from '#api/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { declareSupport, type ExtensionFactory, findGenericSecret, type SecretCheck } from '../../../config/index.ts'
import { HeaderName } from '../../../http/index.ts'
import type { Credential } from './credential.ts'

const TYPE = 'envoy.extensions.http.injected_credentials.generic.v3.Generic'

declareSupport(TYPE, { supported: ['credential', 'header', 'header_value_prefix'] })

/** Envoy would answer each request 503. */
const fitsHeader: SecretCheck = ({ genericSecret }, { diagnostics }, path) => {
  const { inlineString, inlineBytes = '' } = genericSecret?.secret ?? {}
  const text = inlineString ?? Buffer.from(inlineBytes, 'base64').toString('latin1')
  if (!/[\0-\x08\x0a-\x1f\x7f]/.test(text)) return true
  const expected = 'a secret of one line, without a line break at its end'
  diagnostics.error(path, 'cannot stand in a header', { expected })
  return false
}

export const genericCredentialFactory: ExtensionFactory<Credential> = {
  name: 'envoy.http.injected_credentials.generic',
  category: 'envoy.http.injected_credentials',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const { credential = {}, header = '', headerValuePrefix = '' } = config as GenericJson
    const secret = findGenericSecret(credential, fitsHeader, context, path.field('credential'))
    const prefix = toWireText(headerValuePrefix)
    return {
      header: HeaderName.of(header === '' ? 'authorization' : header),
      start() {},
      value() {
        const text = secret?.text ?? ''
        return text === '' ? null : prefix + text
      },
    }
  },
}
