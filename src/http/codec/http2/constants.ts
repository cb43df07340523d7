// The registries of RFC 9113: frame types (6), flags, settings (6.5.2) and error codes (7).

export const FrameData = 0
export const FrameHeaders = 1
export const FramePriority = 2
export const FrameRstStream = 3
export const FrameSettings = 4
export const FramePushPromise = 5
export const FramePing = 6
export const FrameGoAway = 7
export const FrameWindowUpdate = 8
export const FrameContinuation = 9

export const FlagEndStream = 0x1
export const FlagAck = 0x1
export const FlagEndHeaders = 0x4
export const FlagPadded = 0x8
export const FlagPriority = 0x20

export const SettingHeaderTableSize = 1
export const SettingEnablePush = 2
export const SettingMaxConcurrentStreams = 3
export const SettingInitialWindowSize = 4
export const SettingMaxFrameSize = 5
export const SettingEnableConnectProtocol = 8

export const NoError = 0
export const ProtocolError = 1
export const InternalError = 2
export const FlowControlError = 3
export const StreamClosed = 5
export const FrameSizeError = 6
export const RefusedStream = 7
export const CompressionError = 9
export const ConnectError = 10
export const EnhanceYourCalm = 11

export const FRAME_HEADER_BYTES = 9
/** Frames are this large at most until the peer allows more (RFC 9113, 6.5.2). */
export const DEFAULT_MAX_FRAME_BYTES = 16384
export const DEFAULT_WINDOW_BYTES = 65535
export const MAX_WINDOW_BYTES = 0x7fffffff
export const MAX_STREAM_ID = 0x7fffffff
export const DEFAULT_TABLE_BYTES = 4096

export const CLIENT_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
