import {
  DEFAULT_MAX_FRAME_BYTES,
  SettingEnableConnectProtocol,
  SettingEnablePush,
  SettingHeaderTableSize,
  SettingInitialWindowSize,
  SettingMaxConcurrentStreams,
  SettingMaxFrameSize,
} from './constants.ts'
import type { Http2Options } from './options.ts'

export type SettingsParameters = readonly (readonly [id: number, value: number])[]

/** What we say in SETTINGS: the same parameters as Envoy, those that change nothing too. */
export function ownSettings(options: Http2Options, server: boolean): SettingsParameters {
  const parameters: [number, number][] = [
    [SettingHeaderTableSize, options.hpackTableBytes],
    [SettingEnableConnectProtocol, options.allowConnect ? 1 : 0],
    [SettingMaxConcurrentStreams, options.maxConcurrentStreams],
    [SettingInitialWindowSize, options.initialStreamWindowBytes],
  ]
  if (!server) parameters.push([SettingEnablePush, 0])
  for (const { id, value } of options.customSettings) parameters.push([id, value])
  return parameters
}

/** The largest frame that the peer may send. */
export function ownMaxFrameBytes(options: Http2Options): number {
  return options.customSettings.find(({ id }) => id === SettingMaxFrameSize)?.value ?? DEFAULT_MAX_FRAME_BYTES
}
