import {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  FlowControlError,
  MAX_WINDOW_BYTES,
  NoError,
  ProtocolError,
  SettingEnableConnectProtocol,
  SettingEnablePush,
  SettingHeaderTableSize,
  SettingInitialWindowSize,
  SettingMaxConcurrentStreams,
  SettingMaxFrameSize,
} from './constants.ts'

const MAX_FRAME_SIZE_LIMIT = 16777215

/** What the peer has said in SETTINGS (RFC 9113, 6.5.2). */
export class PeerSettings {
  /** -1: not said. */
  headerTableBytes = -1
  maxConcurrentStreams = -1
  initialWindowBytes = DEFAULT_WINDOW_BYTES
  maxFrameBytes = DEFAULT_MAX_FRAME_BYTES
  enableConnectProtocol = false

  /** Takes one parameter; an error code when its value is not allowed. `fromServer`: the peer is one. */
  apply(id: number, value: number, fromServer: boolean): number {
    switch (id) {
      case SettingHeaderTableSize:
        this.headerTableBytes = value
        break
      case SettingEnablePush:
        return value > (fromServer ? 0 : 1) ? ProtocolError : NoError
      case SettingMaxConcurrentStreams:
        this.maxConcurrentStreams = value
        break
      case SettingInitialWindowSize:
        if (value > MAX_WINDOW_BYTES) return FlowControlError
        this.initialWindowBytes = value
        break
      case SettingMaxFrameSize:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > MAX_FRAME_SIZE_LIMIT) return ProtocolError
        this.maxFrameBytes = value
        break
      case SettingEnableConnectProtocol:
        if (value > 1) return ProtocolError
        this.enableConnectProtocol = value === 1
        break
    }
    return NoError
  }
}
