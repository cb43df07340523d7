import {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_TABLE_BYTES,
  SettingEnableConnectProtocol,
  SettingEnablePush,
  SettingHeaderTableSize,
  SettingInitialWindowSize,
  SettingMaxConcurrentStreams,
  SettingMaxFrameSize,
} from './constants.ts'
import type { Http2Options } from './options.ts'

export type SettingsParameters = readonly (readonly [id: number, value: number])[]

/** What we say in SETTINGS. */
export function ownSettings(options: Http2Options, server: boolean): SettingsParameters {
  const parameters: [number, number][] = []
  if (options.hpackTableBytes !== DEFAULT_TABLE_BYTES)
    parameters.push([SettingHeaderTableSize, options.hpackTableBytes])
  if (!server) parameters.push([SettingEnablePush, 0])
  else {
    if (options.allowConnect) parameters.push([SettingEnableConnectProtocol, 1])
    parameters.push([SettingMaxConcurrentStreams, options.maxConcurrentStreams])
  }
  parameters.push([SettingInitialWindowSize, options.initialStreamWindowBytes])
  for (const { id, value } of options.customSettings) parameters.push([id, value])
  return parameters
}

/** The largest frame that the peer may send. */
export function ownMaxFrameBytes(options: Http2Options): number {
  return options.customSettings.find(({ id }) => id === SettingMaxFrameSize)?.value ?? DEFAULT_MAX_FRAME_BYTES
}
