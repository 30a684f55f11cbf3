/**
 * `ExplainCommand` reports, by the id of a command, what became of it; for a refusal also the state on which it was
 * decided, and after which event it would have passed. For that it decides the command again, on the state after each
 * later event, in memory: it needs the payload, which is kept for a time (`KeptPayload.ts`). A decision that is an
 * effect is not run.
 */
import { Effect, Either } from "effect"
import type { UnreadableAnswer, UnstorableState } from "./ActorError.ts"
import * as Damage from "./Damage.ts"
import type { AnyDefinition, Committed, DecideContext } from "./Definition.ts"
import * as EventLoop from "./EventLoop.ts"
import { type Decided, EventStore, type LookupError } from "./EventStore.ts"
import { formOf } from "./Explain.ts"
import * as Journal from "./Journal.ts"
import * as KeptPayload from "./KeptPayload.ts"
import * as Replay from "./Replay.ts"
import { SnapshotStore } from "./SnapshotStore.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { EntryDamaged } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** Why a command cannot be decided again. */
export type NotComputed =
  /**
   * Nothing of the payload is kept: the command is from before there was a place for it, was too long, or it was
   * removed.
   */
  | "payload-not-kept"
  | "payload-damaged"
  /** Today's code does not read it. */
  | "payload-unreadable"
  /** Today's code has no such command, or an earlier release did not note its name. */
  | "command-unknown"
  | "decision-is-an-effect"
  | "decision-threw"

/** After which event a refused command would have passed. */
export type WouldPass =
  /**
   * The command would have passed from this version on. It is the version on which it was refused where the code has
   * changed since.
   */
  | { readonly _tag: "After"; readonly version: number; readonly type: string | null }
  /** It would have been refused on each state up to this version: the last one, unless `isEnd` is false. */
  | { readonly _tag: "Never"; readonly upTo: number; readonly isEnd: boolean }
  | { readonly _tag: "NotComputed"; readonly reason: NotComputed }

export interface Explained {
  readonly commandId: string
  readonly sequence: number
  readonly streamId: StreamId
  readonly command: string | null
  readonly outcome: "success" | "refusal"
  /** The answer, or the error, in its stored form as it reads today. */
  readonly answer: unknown
  /** The stored form of the payload; null where it is not kept. */
  readonly payload: unknown
  /** Version of the stream after it; of a refusal, of the state on which it was decided. */
  readonly version: number
  /** How many events it has. */
  readonly events: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly recordedAt: number
  readonly principal: string | null
  readonly correlationId: string
  readonly causationId: string | null
  /** Only for a refusal: the state on which it was decided, in its stored form. */
  readonly decidedOn: unknown
  /** Only for a refusal. */
  readonly wouldPass: WouldPass | null
}

export type ExplainCommandError = Replay.ReplayError | LookupError | EntryDamaged | UnreadableAnswer | UnstorableState

export interface Options {
  /** Most events after the refusal on which it is decided again. */
  readonly maxEvents?: number
}

export const defaultMaxEvents = 100_000

/** The command with its payload as decide takes it, or why there is none. */
export const replayable = (
  definition: AnyDefinition,
  { entry, payload }: Decided
): Either.Either<{ readonly command: string; readonly payload: unknown }, NotComputed> => {
  const { command, payloadDigest } = entry
  if (command === null || !definition.commands.tags.includes(command)) return Either.left("command-unknown")
  if (payload === null) return Either.left("payload-not-kept")
  return Either.flatMap(
    KeptPayload.read(payload, payloadDigest).pipe(Either.mapLeft((): NotComputed => "payload-damaged")),
    (stored) =>
      Either.mapBoth(definition.commands.readPayload(command, stored), {
        onLeft: (): NotComputed => "payload-unreadable",
        onRight: (read) => ({ command, payload: read })
      })
  )
}

/** What `decide` returns for a command on a state: its events, its error, or why it returns neither. */
export type Redecided =
  | { readonly _tag: "Events"; readonly events: ReadonlyArray<{ readonly _tag: string }> }
  | { readonly _tag: "Refused"; readonly error: unknown }
  | { readonly _tag: "NotComputed"; readonly reason: NotComputed }

/** Decides the command on this state, and stores nothing. */
export const redecide = (
  definition: AnyDefinition,
  { command, payload }: { readonly command: string; readonly payload: unknown },
  state: unknown,
  context: DecideContext
): Redecided => {
  try {
    const decision = definition.decide(command, payload, state, context)
    if (!Either.isEither(decision)) return { _tag: "NotComputed", reason: "decision-is-an-effect" }
    return Either.isRight(decision)
      ? { _tag: "Events", events: decision.right as ReadonlyArray<{ readonly _tag: string }> }
      : { _tag: "Refused", error: decision.left }
  } catch {
    return { _tag: "NotComputed", reason: "decision-threw" }
  }
}

/** What a decision may know: what was given with the command then, at another version and time. */
export const contextOf = (entry: Journal.JournalEntry, id: string, version: number, now: number): DecideContext => {
  const { causationId, commandId, correlationId, metadata, principal } = entry
  const own = commandId ?? ""
  return {
    id,
    version,
    now,
    commandId: own,
    correlationId: correlationId ?? own,
    causationId,
    principal,
    metadata
  }
}

/** Decides it on the state that refused it, and on that after each later event. */
const search = Effect.fnUntraced(function* (
  definition: AnyDefinition,
  id: string,
  decided: Decided,
  from: Committed<unknown>,
  maxEvents: number
): Effect.fn.Return<WouldPass, Replay.FoldError | LookupError, EventStore> {
  const store = yield* EventStore
  const { entry } = decided
  const asked = replayable(definition, decided)
  if (Either.isLeft(asked)) return { _tag: "NotComputed", reason: asked.left }
  const streamId = definition.streamId(id)
  let committed = from
  const tried = (event: StoredEvent | undefined): WouldPass | undefined => {
    const { version } = committed
    const now = event?.recordedAt ?? entry.recordedAt
    const found = redecide(definition, asked.right, committed.state, contextOf(entry, id, version, now))
    if (found._tag === "Refused") return undefined
    return found._tag === "NotComputed" ? found : { _tag: "After", version, type: event?.type ?? null }
  }
  const first = tried(undefined)
  if (first !== undefined) return first
  const end = from.version + maxEvents
  for (;;) {
    const page = yield* store.readStream(streamId, { from: committed.version + 1, to: end })
    for (const event of page.events) {
      committed = yield* Replay.fold(definition, committed, [event])
      const found = tried(event)
      if (found !== undefined) return found
    }
    if (!page.more) {
      const version = yield* Replay.endOf(store, streamId)
      return { _tag: "Never", upTo: committed.version, isEnd: version <= committed.version }
    }
    yield* EventLoop.turn
  }
})

/**
 * What became of a command of this aggregate. Undefined where no command has this id: a refusal that is not kept was
 * never stored.
 */
export const explain = (
  definition: AnyDefinition,
  decided: Decided,
  { maxEvents = defaultMaxEvents }: Options = {}
): Effect.Effect<Explained, ExplainCommandError, EventStore | SnapshotStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const { entry } = decided
    const { answerVersion, commandId, outcome, streamId, version } = entry
    if (!Journal.isIntact(entry) || commandId === null || streamId === null || outcome === null) {
      return yield* new EntryDamaged({ sequence: entry.sequence, streamId: streamId ?? "journal", version })
    }
    const id = streamId.slice(definition.streamId("").length)
    const command = entry.command ?? ""
    const answer = definition.commands.tags.includes(command)
      ? yield* Either.map(
          definition.commands.readAnswer(command, outcome, { text: entry.answer, version: answerVersion }),
          (value): unknown => {
            const { text } = definition.commands.writeAnswer(command, outcome, value)
            return text === "" ? null : JSON.parse(text)
          }
        )
      : (JSON.parse(entry.answer === "" ? "null" : entry.answer) as unknown)
    const kept = decided.payload === null ? undefined : KeptPayload.read(decided.payload, entry.payloadDigest)
    const told = {
      commandId,
      sequence: entry.sequence,
      streamId,
      command: entry.command,
      outcome,
      answer,
      payload:
        kept === undefined || Either.isLeft(kept) || kept.right.text === ""
          ? null
          : (JSON.parse(kept.right.text) as unknown),
      version,
      events: entry.events,
      recordedAt: entry.recordedAt,
      principal: entry.principal,
      correlationId: entry.correlationId ?? commandId,
      causationId: entry.causationId
    }
    if (outcome === "success") return { ...told, decidedOn: null, wouldPass: null }
    const from: Committed<unknown> =
      version === 0
        ? Replay.initial(definition)
        : (yield* Replay.recover(store, yield* SnapshotStore, definition, streamId, version)).committed
    if (from.version < version) return yield* Damage.endMissing(streamId, from.version + 1, version)
    return {
      ...told,
      decidedOn: yield* formOf(definition, from.state),
      wouldPass: yield* search(definition, id, decided, from, maxEvents)
    }
  })
