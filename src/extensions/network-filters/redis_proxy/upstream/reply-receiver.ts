/** Waits for the reply to one command; hears one of the two, once. */
export interface ReplyReceiver {
  /** Nobody wants to know any more. */
  readonly cancelled: boolean
  /** Bytes [start, end) are one reply, valid only during the call. `index`: as given with the command. */
  onReply(bytes: Buffer, start: number, end: number, index: number): void
  /** No reply will come; nobody knows what was done. */
  onUpstreamFailure(index: number): void
}

/** Of commands whose reply nobody waits for. */
export const NOBODY: ReplyReceiver = {
  cancelled: false,
  onReply: () => undefined,
  onUpstreamFailure: () => undefined,
}
