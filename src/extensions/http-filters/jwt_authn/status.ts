// Why a token is not accepted: the words and numbers of Envoy's JWT library.

export interface JwtStatus {
  readonly code: number
  readonly message: string
}

const status = (code: number, message: string): JwtStatus => Object.freeze({ code, message })

export const JwtMissed = status(1, 'Jwt is missing')
export const JwtNotYetValid = status(2, 'Jwt not yet valid')
export const JwtExpired = status(3, 'Jwt is expired')
export const JwtBadFormat = status(4, 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections')
export const HeaderBadBase64 = status(5, 'Jwt header is an invalid Base64url encoded')
export const HeaderBadJson = status(6, 'Jwt header is an invalid JSON')
export const HeaderBadAlg = status(7, 'Jwt header [alg] field is required and must be a string')
export const HeaderUnknownAlg = status(8, 'Jwt header [alg] is not supported')
export const HeaderBadKid = status(9, 'Jwt header [kid] field is not a string')
export const PayloadBadBase64 = status(10, 'Jwt payload is an invalid Base64url encoded')
export const PayloadBadJson = status(12, 'Jwt payload is an invalid JSON')
export const IssNotString = status(13, 'Jwt payload [iss] field is not a string')
export const JtiNotString = status(20, 'Jwt payload [jti] field is not a string')
export const SubNotString = status(21, 'Jwt payload [sub] field is not a string')
export const AudNotString = status(22, 'Jwt payload [aud] field is not a string or string list')
export const SignatureBadBase64 = status(23, 'Jwt signature is an invalid Base64url encoded')
export const JwtUnknownIssuer = status(24, 'Jwt issuer is not configured')
export const JwtAudienceNotAllowed = status(25, 'Audiences in Jwt are not allowed')
export const JwtVerificationFail = status(26, 'Jwt verification fails')
export const JwksFetchFail = status(45, 'Jwks remote fetch is failed')
export const JwksKidAlgMismatch = status(43, "Jwks doesn't have key to match kid or alg from Jwt")

const NUMBERS = { iat: 14, nbf: 16, exp: 18 } as const

export const notInteger = (claim: keyof typeof NUMBERS): JwtStatus =>
  status(NUMBERS[claim], `Jwt payload [${claim}] field is not an integer`)
export const outOfRange = (claim: keyof typeof NUMBERS): JwtStatus =>
  status(NUMBERS[claim] + 1, `Jwt payload [${claim}] field is not a positive 64 bit integer`)
