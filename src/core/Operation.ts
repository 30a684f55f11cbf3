/**
 * `Operation` is the one door for what operators do: the work and its entry in the journal, in one transaction, with
 * who did it, why, and a key under which it is done once. It also reads what was done.
 *
 * Guarantees, by those of `EventStore.operate`:
 *
 * - there is no work without its entry, and no entry without its work;
 * - the same operation under the same key is done once, however often and by however many it is sent: the others get
 *   its entry;
 * - a key that was used for anything else is `CommandIdReused`.
 */
import { Effect, Either } from "effect"
import { EventStore, type LookupError } from "./EventStore.ts"
import * as Journal from "./Journal.ts"
import * as Json from "./Json.ts"
import { Principal } from "./Principal.ts"
import { EntryDamaged } from "./StoreError.ts"
import * as TextCodec from "./TextCodec.ts"

/** Who operates, why, and under which key. Where nothing is said, nothing is known. */
export interface By {
  /** Default: the principal of the context. */
  readonly principal?: string | null
  readonly reason?: string | null
  /** Default: none, and each call is an operation of its own. */
  readonly key?: string | null
}

type Detail = Readonly<Record<string, unknown>>

/** An operation as it is told: its entry, read. */
export interface Done {
  readonly sequence: number
  readonly kind: "operation" | "epoch"
  /** The verb, as `projections.skip`. */
  readonly name: string
  readonly principal: string | null
  readonly reason: string | null
  readonly key: string | null
  /** What it was done with, and what it found. */
  readonly detail: unknown
  /** Milliseconds since 1970-01-01 UTC. */
  readonly recordedAt: number
  /** Whether the same operation was done before, under the same key; false where it is read. */
  readonly replayed: boolean
}

/** What a text of JSON says; null where it is none. */
const parsed = (text: string | null): unknown =>
  text === null ? null : Either.getOrElse(TextCodec.parse(text), () => null)

const toDone = (entry: Journal.JournalEntry, replayed: boolean): Done => {
  const metadata = parsed(entry.metadata)
  const reason = Json.isPlainObject(metadata) && typeof metadata.reason === "string" ? metadata.reason : null
  return {
    sequence: entry.sequence,
    kind: entry.kind === "epoch" ? "epoch" : "operation",
    name: entry.command ?? "",
    principal: entry.principal,
    reason,
    key: entry.commandId,
    detail: parsed(entry.answer),
    recordedAt: entry.recordedAt,
    replayed
  }
}

/**
 * Does the work and records it, in one transaction. `asked` is what makes it this operation, `work` gives what the
 * entry tells beside it. The work writes through the ports of the same store and waits for nothing else.
 */
export const run = <E, R>(
  name: string,
  asked: Detail,
  { key = null, principal, reason = null }: By,
  work: Effect.Effect<Detail, E, R>
) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const who = principal === undefined ? ((yield* Principal)?.name ?? null) : principal
    const { entry, replayed } = yield* store.operate(
      { kind: "operation", name, detail: Json.canonical(asked), principal: who, reason, key },
      Effect.map(work, (found) => Json.canonical({ ...asked, ...found }))
    )
    return toDone(entry, replayed)
  })

export interface Page {
  readonly operations: ReadonlyArray<Done>
  readonly more: boolean
}

/** What operators did after this entry of the journal, oldest first, each checked against its hash. */
export const page = (after: number, limit: number): Effect.Effect<Page, LookupError | EntryDamaged, EventStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const { entries, more } = yield* store.readOperations(after, limit)
    const damaged = entries.find((entry) => !Journal.isIntact(entry))
    if (damaged !== undefined) {
      const { sequence, streamId, version } = damaged
      return yield* new EntryDamaged({ sequence, streamId: streamId ?? "journal", version })
    }
    return { operations: entries.map((entry) => toDone(entry, false)), more }
  })

/** Entries that are looked through at once for the newest of a name. */
const searched = 1_000

/**
 * Follows the operations of this name: each time it is asked, it gives the newest there is by then, and null where
 * there is none. It reads what came since it was asked last; an entry that is not what was stored is passed over.
 */
export const newest = (name: string): Effect.Effect<Effect.Effect<Done | null, LookupError>, never, EventStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const oneAtATime = yield* Effect.makeSemaphore(1)
    let after = 0
    let found: Done | null = null
    return Effect.gen(function* () {
      for (let more = true; more; ) {
        const page = yield* store.readOperations(after, searched)
        for (const entry of page.entries) {
          if (entry.command === name && Journal.isIntact(entry)) found = toDone(entry, false)
        }
        after = page.entries.at(-1)?.sequence ?? after
        more = page.more
      }
      return found
    }).pipe(oneAtATime.withPermits(1))
  })
