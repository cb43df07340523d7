// Signatures for AWS, for the filters that speak to it.
export { type AwsCredentials, deriveKey, type SigningAlgorithm, SigV4, SigV4A } from './algorithms.ts'
export { compileCredentials } from './credentials/compile.ts'
export { defaultRegion, profileName } from './credentials/file.ts'
export type { CredentialSource, CredentialWaiter } from './credentials/source.ts'
export { compileSigned } from './signed-headers.ts'
export { EMPTY_PAYLOAD, nameContent, type SignerSettings, signRequest, UNSIGNED_PAYLOAD } from './signer.ts'
