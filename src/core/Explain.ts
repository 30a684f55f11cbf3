/**
 * `Explain` reports how a state came to be: the history of one stream, version by version, with what each event changed
 * in the state, who caused it and under which entry of the journal. `ExplainCommand.ts` does the same for a command.
 *
 * It reads only verified events and folds them as an actor does, so it fails where the stream is damaged. It writes
 * nothing, and holds one page in memory. States are in their stored form, so a path is the same as in a snapshot or
 * over HTTP.
 */
import { Effect, Either, type SchemaAST } from "effect"
import type { NoSuchVersion, UnstorableState } from "./ActorError.ts"
import * as Damage from "./Damage.ts"
import type { Committed, Definition } from "./Definition.ts"
import * as EventLoop from "./EventLoop.ts"
import { EventStore, type LookupError, maxDecided } from "./EventStore.ts"
import * as Journal from "./Journal.ts"
import * as Replay from "./Replay.ts"
import { SnapshotStore } from "./SnapshotStore.ts"
import * as StatePath from "./StatePath.ts"
import * as StateTree from "./StateTree.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { EntryDamaged, InvalidArgument } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"
import * as TimeTravel from "./TimeTravel.ts"

/** An event in one form. */
export interface Form {
  readonly type: string
  readonly schemaVersion: number
  readonly data: unknown
}

/** The running value of a path of the state. */
export interface Running {
  readonly before: unknown
  readonly after: unknown
  /** What the event added, as decimal text; null where the value is not a number. */
  readonly contribution: string | null
}

export interface Step {
  readonly streamId: StreamId
  readonly version: number
  readonly position: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly recordedAt: number
  /** What it is today: one event, several where it was split, none where it was retired. */
  readonly current: ReadonlyArray<Form>
  /** As it was stored, where that is not what it is today. */
  readonly stored: Form | null
  readonly changes: ReadonlyArray<StateTree.Change>
  /** How many changes there are beyond those. */
  readonly moreChanges: number
  /** The value at the path that was asked for. */
  readonly running: Running | null
  /** Its entry in the journal, which vouches for it. */
  readonly sequence: number
  readonly commandId: string
  /** Null where an earlier release stored it. */
  readonly command: string | null
  readonly correlationId: string
  /** The event that caused its command, as its sender named it. */
  readonly causationId: string | null
  readonly principal: string | null
}

export interface Page {
  readonly streamId: StreamId
  readonly steps: ReadonlyArray<Step>
  /** Version after which the next page begins; null at the end. */
  readonly next: number | null
}

export interface Options {
  /** Steps after this version. Default: from the first. */
  readonly after?: number
  /** The history up to this version, or to this time. Default: all of it. */
  readonly to?: TimeTravel.When
  /** Steps of one page, 1 to `maxSteps`. Default: as many. */
  readonly limit?: number
  /** A path of the state, in its stored form: `balance`, `lines.0.amount`. One that no state can have is refused. */
  readonly field?: string
}

/** Most steps of one page. */
export const maxSteps = 1_000

/**
 * Most text of the changes and values of one page, in UTF-16 code units; the first step is returned however long it is.
 */
const maxCharacters = 4 * 1_048_576

export type ExplainError =
  | Replay.ReplayError
  | LookupError
  | NoSuchVersion
  | UnstorableState
  | EntryDamaged
  | InvalidArgument

/** The state in its stored form. */
export const formOf = <S, E extends { readonly _tag: string }>(
  { snapshot }: Pick<Definition<S, E>, "snapshot">,
  state: S
): Either.Either<unknown, UnstorableState> =>
  Either.try({
    try: (): unknown => JSON.parse(snapshot.encode(state)),
    // Nothing else is thrown for a state that cannot be stored; see `SnapshotPolicy`.
    catch: (error) => error as UnstorableState
  })

/** What is stored of the event, and what it is today. */
const formsOf = <S, E extends { readonly _tag: string }>(
  { codec }: Definition<S, E>,
  { data, schemaVersion, type, ...event }: StoredEvent
): Pick<Step, "current" | "stored"> => {
  const stored: Form = { type, schemaVersion, data: JSON.parse(data) }
  // It was decoded when it was folded, and what is decoded can be written.
  const decoded = Either.getOrElse(codec.decode({ data, schemaVersion, type, ...event }), () => [])
  const current = decoded.flatMap((each) => {
    const written = codec.encode(each)
    if (Either.isLeft(written)) return []
    const { right } = written
    return [{ type: right.type, schemaVersion: right.schemaVersion, data: JSON.parse(right.data) as unknown }]
  })
  const [only] = current
  const isSame = current.length === 1 && only?.type === type && only.schemaVersion === schemaVersion
  return { current, stored: isSame ? null : stored }
}

/** Checks the entries of these events, and gives them by their sequence. */
const entriesOf = Effect.fnUntraced(function* (streamId: StreamId, events: ReadonlyArray<StoredEvent>) {
  const store = yield* EventStore
  // Any number of refusals may stand between two events.
  const wanted = new Set(events.map(({ sequence }) => sequence))
  const entries = new Map<number, Journal.JournalEntry>()
  const end = events.at(-1)?.sequence ?? 0
  let after = (events[0]?.sequence ?? 1) - 1
  while (after < end) {
    const page = yield* store.readDecided(streamId, after, maxDecided)
    for (const { entry } of page.decided) if (wanted.has(entry.sequence)) entries.set(entry.sequence, entry)
    after = page.more ? (page.decided.at(-1)?.entry.sequence ?? end) : end
  }
  for (const event of events) {
    const entry = entries.get(event.sequence)
    if (entry !== undefined && Journal.vouchesFor(entry, event)) continue
    return yield* new EntryDamaged({ sequence: event.sequence, streamId, version: event.version })
  }
  return entries
})

const runningOf = (field: string | undefined, before: unknown, after: unknown): Running | null => {
  if (field === undefined) return null
  const [left, right] = [StateTree.valueAt(before, field), StateTree.valueAt(after, field)]
  return { before: left ?? null, after: right ?? null, contribution: StateTree.difference(left, right) }
}

const whole = (argument: string, value: number, least: number, most: number): InvalidArgument | undefined =>
  Number.isSafeInteger(value) && value >= least && value <= most
    ? undefined
    : new InvalidArgument({ argument, reason: `is a whole number from ${least} to ${most}` })

const wrongField = (schema: SchemaAST.AST, field: string): InvalidArgument | undefined => {
  const reason = StatePath.misfit(schema, field)
  return reason === undefined ? undefined : new InvalidArgument({ argument: "field", reason })
}

/** A page of the history. Empty where the stream has no events, or none after that version. */
export const history = <S, E extends { readonly _tag: string }>(
  definition: Definition<S, E>,
  id: string,
  { after = 0, field, limit = maxSteps, to }: Options = {}
): Effect.Effect<Page, ExplainError, EventStore | SnapshotStore> =>
  Effect.gen(function* () {
    const wrong =
      whole("after", after, 0, Number.MAX_SAFE_INTEGER) ??
      whole("limit", limit, 1, maxSteps) ??
      wrongField(definition.snapshot.schema, field ?? "")
    if (wrong !== undefined) return yield* wrong
    const store = yield* EventStore
    const streamId = definition.streamId(id)
    const last =
      to === undefined ? yield* Replay.endOf(store, streamId) : (yield* TimeTravel.stateAt(definition, id, to)).version
    if (after >= last) return { streamId, steps: [], next: null }
    let committed: Committed<S> =
      after === 0
        ? Replay.initial(definition)
        : (yield* Replay.recover(store, yield* SnapshotStore, definition, streamId, after)).committed
    if (committed.version < after) return yield* Damage.missing(streamId, committed.version + 1)
    const { events, more } = yield* store.readStream(streamId, { from: after + 1, to: last, limit })
    const read = events.at(-1)?.version ?? after
    if (!more && read < last) return yield* Damage.missing(streamId, read + 1)
    const entries = yield* entriesOf(streamId, events)
    const steps: Array<Step> = []
    let characters = 0
    let before = yield* formOf(definition, committed.state)
    for (const event of events) {
      committed = yield* Replay.fold(definition, committed, [event])
      const form = yield* formOf(definition, committed.state)
      const { changes, more: moreChanges } = StateTree.compare(before, form)
      const { causationId, commandId, correlationId, position, principal, recordedAt, sequence, version } = event
      const running = runningOf(field, before, form)
      steps.push({
        streamId,
        version,
        position,
        recordedAt,
        ...formsOf(definition, event),
        changes,
        moreChanges,
        running,
        sequence,
        commandId,
        command: entries.get(sequence)?.command ?? null,
        correlationId,
        causationId,
        principal
      })
      before = form
      characters += JSON.stringify([changes, running]).length
      if (characters > maxCharacters) break
      if (steps.length % 20 === 0) yield* EventLoop.turn
    }
    const isWhole = steps.length === events.length && !more
    return { streamId, steps, next: isWhole ? null : (steps.at(-1)?.version ?? null) }
  })

/** All of the history in pages, one step after the other; for tools, and for statements over one field. */
export const fold = <S, E extends { readonly _tag: string }, A>(
  definition: Definition<S, E>,
  id: string,
  start: A,
  step: (result: A, event: StoredEvent, decoded: ReadonlyArray<E>, before: S, after: S) => A
): Effect.Effect<A, Replay.FoldError | LookupError, EventStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const streamId = definition.streamId(id)
    let result = start
    const end = yield* Replay.endOf(store, streamId)
    let committed = Replay.initial(definition)
    for (;;) {
      const page = yield* store.readStream(streamId, { from: committed.version + 1, to: end })
      for (const event of page.events) {
        const after = yield* Replay.fold(definition, committed, [event])
        result = step(result, event, yield* definition.codec.decode(event), committed.state, after.state)
        committed = after
      }
      if (!page.more) {
        return committed.version < end ? yield* Damage.missing(streamId, committed.version + 1) : result
      }
      yield* EventLoop.turn
    }
  })
