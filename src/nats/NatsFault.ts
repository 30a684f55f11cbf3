/** `NatsFault` is what a NATS server answered instead of what was asked, or that it did not answer. */

/**
 * - `unreachable`: nothing was written, and nothing could be read.
 * - `refused`: the server refuses it, and would again. Nothing was written.
 * - `overtaken`: another process wrote first. Nothing was written.
 * - `ackLost`: written or not: the answer did not come.
 * - `damaged`: what the stream holds is not what was appended, or it has lost something that it had acknowledged.
 * - `readOnly`: the log was opened to read.
 */
export type Kind = "unreachable" | "refused" | "overtaken" | "ackLost" | "damaged" | "readOnly"

/** As the system and SQLite name them, which is how `StoreFault` knows them. */
const codes: Readonly<Partial<Record<Kind, string>>> = {
  unreachable: "ETIMEDOUT",
  ackLost: "ETIMEDOUT",
  damaged: "SQLITE_CORRUPT",
  readOnly: "EROFS"
}

/** The NATS server cannot be used as it is asked to; `kind` says why. */
export class NatsFault extends Error {
  override readonly name = "NatsFault"
  readonly kind: Kind
  readonly code: string | undefined

  constructor(kind: Kind, message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
    this.code = codes[kind]
  }
}
