/**
 * `Verified` is the record that the whole log was checked: up to which entry, and what was found. It is an operation of
 * the journal, added only where it is asked for, since looking writes nothing.
 */
import { Effect, Schema } from "effect"
import * as Operation from "./Operation.ts"

const name = "log.verify"

const Found = Schema.Struct({
  /** The last entry that was read, and its hash. */
  sequence: Schema.Int,
  hash: Schema.String,
  events: Schema.Int,
  problems: Schema.Int
})
export type Found = typeof Found.Type

export interface Verified extends Found {
  readonly principal: string | null
  readonly reason: string | null
  /** Milliseconds since 1970-01-01 UTC. */
  readonly recordedAt: number
}

export const record = (found: Found, by: Operation.By) => Operation.run(name, found, by, Effect.succeed({}))

const isFound = Schema.is(Found)

/** Gives, each time it is asked, the newest there is by then; null where none was recorded. */
export const last = Effect.map(Operation.newest(name), (newest) =>
  Effect.map(newest, (done): Verified | null => {
    if (done === null || !isFound(done.detail)) return null
    const { detail, principal, reason, recordedAt } = done
    return { ...detail, principal, reason, recordedAt }
  })
)
