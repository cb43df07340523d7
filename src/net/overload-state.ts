/** What the overload manager can ask of the data plane. */
export const OVERLOAD_ACTIONS = [
  'stop_accepting_requests',
  'disable_http_keepalive',
  'reject_incoming_connections',
] as const
export type OverloadActionName = (typeof OVERLOAD_ACTIONS)[number]

/** How far each action is on, from 0 to 1. */
export type OverloadLevels = Readonly<Record<OverloadActionName, number>>

export const NO_OVERLOAD: OverloadLevels = {
  stop_accepting_requests: 0,
  disable_http_keepalive: 0,
  reject_incoming_connections: 0,
}

/** What one thread does about overload; main says it. */
export class OverloadState {
  levels: OverloadLevels = NO_OVERLOAD
  private readonly random: () => number

  constructor(random: () => number = Math.random) {
    this.random = random
  }

  /** HOT: asked per request. An action that is on in part is taken that often. */
  takes(action: OverloadActionName): boolean {
    const level = this.levels[action]
    return level > 0 && (level >= 1 || this.random() < level)
  }
}
