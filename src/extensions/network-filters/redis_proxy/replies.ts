// What the proxy says itself, in the words of Envoy.

const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, 'latin1')

export const OK = line('+OK')
export const PONG = line('+PONG')
export const QUEUED = line('+QUEUED')
export const EMPTY_ARRAY = line('*0')
export const INVALID_REQUEST_REPLY = line('-invalid request')
export const PROTOCOL_ERROR = line('-downstream protocol error')
export const NO_UPSTREAM_HOST = line('-no upstream host')
export const UPSTREAM_FAILURE_REPLY = line('-upstream failure')
export const UPSTREAM_PROTOCOL_ERROR = line('-upstream protocol error')
export const NO_AUTH = line('-NOAUTH Authentication required.')
export const NO_PROTO = line('-NOPROTO unsupported protocol version')
export const FAULT_REPLY = line('-Fault Injected: Error')
export const NESTED_MULTI = line('-MULTI calls can not be nested')

/** An error in words that clients had a part in: no line ends in it. */
export function errorReply(text: string): Buffer {
  return line(`-${text.replace(/[\r\n]/g, ' ')}`)
}

export const finishedWithErrors = (count: number): Buffer => line(`-finished with ${count} error(s)`)
export const wrongArguments = (command: string): Buffer =>
  errorReply(`wrong number of arguments for '${command}' command`)
