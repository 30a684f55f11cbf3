/**
 * `StoredText` says which texts every store takes, so that a text that a database would refuse is refused with a clear
 * error before it gets there: well formed, without U+0000, and of a size that fits in each index. Sizes are bytes of
 * UTF-8, on every store alike.
 */
import * as CommandId from "./CommandId.ts"
import type { ProposedCommand } from "./EventStore.ts"
import * as Platform from "./Platform.ts"
import { InvalidArgument } from "./StoreError.ts"

/** Largest data of one event, in bytes of UTF-8. */
export const maxPayloadBytes = 1_048_576

/** Largest answer to keep of one command, in bytes of UTF-8. */
export const maxAnswerBytes = 1_048_576

/** Largest payload of one command, in bytes of UTF-8 of its stored form. */
export const maxCommandBytes = 4 * 1_048_576

/** Largest metadata of one command, in bytes of UTF-8: it is stored with each. */
export const maxMetadataBytes = 1_024

/**
 * Longest id of a command, event type, command name, fingerprint, correlation id, causation id, traceparent or
 * principal: in UTF-16 code units, and in bytes of UTF-8. PostgreSQL takes no more than 2,704 bytes into an index.
 */
export const maxLength = 1_024
export const maxBytes = 2_048

/** Whether every store can hold the text: no lone surrogate, no NUL. */
export const isWellFormed = (text: string): boolean => text.isWellFormed() && !text.includes("\0")

/** Most texts need not be measured: no code unit takes more than 3 bytes. */
export const isOver = (text: string, bytes: number): boolean =>
  text.length * 3 > bytes && Platform.byteLength(text) > bytes

/** Why an id, a name or a fingerprint cannot be stored, if it cannot. */
export const misfit = (text: string): string | undefined => {
  if (text.length > maxLength) return `is over ${maxLength} characters`
  if (isOver(text, maxBytes)) return `is over ${maxBytes} bytes`
  return isWellFormed(text) ? undefined : "holds U+0000 or a lone surrogate"
}

const texts = [
  "commandId",
  "command",
  "fingerprint",
  "correlationId",
  "causationId",
  "traceparent",
  "principal"
] as const

/** The first of a command's own texts that cannot be stored. */
export const wrongIn = (
  command: Pick<ProposedCommand, (typeof texts)[number] | "metadata">
): InvalidArgument | undefined => {
  if (!CommandId.fits(command.commandId)) {
    return new InvalidArgument({ argument: "commandId", reason: `is not 1 to ${CommandId.maxLength} characters` })
  }
  for (const argument of texts) {
    const text = command[argument]
    const reason = text == null ? undefined : misfit(text)
    if (reason !== undefined) return new InvalidArgument({ argument, reason })
  }
  const reason = command.metadata == null ? undefined : wrongMetadata(command.metadata)
  return reason === undefined ? undefined : new InvalidArgument({ argument: "metadata", reason })
}

/** Why the metadata of a command cannot be stored, if it cannot. */
export const wrongMetadata = (text: string): string | undefined => {
  if (isOver(text, maxMetadataBytes)) return `is over ${maxMetadataBytes} bytes`
  return isWellFormed(text) ? undefined : "holds U+0000 or a lone surrogate"
}

/** Why an event cannot be stored, if it cannot. */
export const wrongEvent = ({
  data,
  schemaVersion,
  type
}: ProposedCommand["events"][number]): InvalidArgument | undefined => {
  const wrong = (argument: string, reason: string) => new InvalidArgument({ argument, reason })
  const reason = type === "" ? "is empty" : misfit(type)
  if (reason !== undefined) return wrong("type", reason)
  if (!(Number.isSafeInteger(schemaVersion) && schemaVersion > 0)) return wrong("schemaVersion", "is not 1 or more")
  if (!isWellFormed(data)) return wrong("data", "holds U+0000 or a lone surrogate; JSON escapes both")
  return isOver(data, maxPayloadBytes) ? wrong("data", `is over ${maxPayloadBytes} bytes`) : undefined
}

/** Why an answer cannot be kept, if it cannot. */
export const wrongAnswer = (text: string): InvalidArgument | undefined => {
  const wrong = (reason: string) => new InvalidArgument({ argument: "answer", reason })
  if (isOver(text, maxAnswerBytes)) return wrong(`is over ${maxAnswerBytes} bytes`)
  return isWellFormed(text) ? undefined : wrong("holds U+0000 or a lone surrogate")
}
