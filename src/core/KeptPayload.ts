/**
 * `KeptPayload` is what is kept of a command's payload beside its entry in the journal: its stored form, as JSON text,
 * with the version of that form. The entry vouches for the text by its digest and stays when the text is removed, so
 * that personal data need not be kept for as long as the log; a digest of little data can be guessed.
 *
 * To find out later why a command was refused, or what it would do now, it is decided again from this payload: see
 * `ExplainCommand.ts`, `WhatIf.ts`.
 */
import { Either } from "effect"
import type { KeptAnswer } from "./EventStore.ts"
import type { JournalEntry, ProposedOperation } from "./Journal.ts"
import * as Json from "./Json.ts"
import { sha256 } from "./Platform.ts"

/** A row beside the entry of this sequence. */
export interface Row {
  readonly sequence: number
  readonly text: string
}

/**
 * Longest stored form that is kept, in UTF-16 code units. A transaction holds the commands of many actors, and what is
 * kept of them is not part of what it counts: one of 1,000 commands writes at most 1,000 times 16 KiB more.
 */
export const maxLength = 16_384

/** The text to keep; undefined where the form is too long. A payload without fields has no text of its own. */
export const write = ({ text, version }: KeptAnswer): string | undefined =>
  text.length > maxLength
    ? undefined
    : text === ""
      ? `{"version":${version}}`
      : `{"version":${version},"payload":${text}}`

/** SHA-256, as 64 hexadecimal digits. */
export const digest = (kept: string): string => sha256(kept)

/** The stored form, and whether it is what the entry vouches for. */
export const read = (kept: string, payloadDigest: string | null): Either.Either<KeptAnswer, "damaged"> => {
  if (digest(kept) !== payloadDigest) return Either.left("damaged")
  try {
    const form: unknown = JSON.parse(kept)
    if (!Json.isPlainObject(form) || typeof form.version !== "number") return Either.left("damaged")
    return Either.right({ text: "payload" in form ? JSON.stringify(form.payload) : "", version: form.version })
  } catch {
    return Either.left("damaged")
  }
}

const removalName = "payloads.remove"

/** The operation that removes them, for the journal. */
export const removal = (before: number, removed: number): ProposedOperation => ({
  kind: "operation",
  name: removalName,
  detail: Json.canonical({ before: new Date(before).toISOString(), removed }),
  principal: null
})

/** Whether the entry is that of such an operation. */
export const isRemoval = ({ command, kind }: JournalEntry): boolean => kind === "operation" && command === removalName
