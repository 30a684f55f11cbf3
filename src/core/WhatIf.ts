/**
 * `WhatIf` folds a stream in memory with some of its events left out, changed or added. It returns the state that the
 * stream would have, and which later commands would have been decided differently. It writes nothing.
 *
 * The later events stay as they are stored, even where their command would have been decided differently: what would
 * have followed from that is another question, which the next edit can ask. Commands are decided again from the
 * payloads that are kept (`KeptPayload.ts`), with the time at which they were decided; a decision that is an effect is
 * not run.
 */
import { Effect, Either, Schema } from "effect"
import { EvolveFailed, type UnstorableState } from "./ActorError.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import type { DecodeError } from "./EventError.ts"
import * as EventLoop from "./EventLoop.ts"
import { type Decided, EventStore, type LookupError } from "./EventStore.ts"
import { formOf } from "./Explain.ts"
import * as ExplainCommand from "./ExplainCommand.ts"
import * as Journal from "./Journal.ts"
import * as Json from "./Json.ts"
import * as Replay from "./Replay.ts"
import * as StateTree from "./StateTree.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { EntryDamaged, InvalidArgument } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

const Version = Schema.Int.pipe(Schema.positive())
const Data = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** What is to be otherwise. Data is in the stored form. */
export const Edits = Schema.Struct({
  /** Versions of events that did not happen. */
  leaveOut: Schema.optionalWith(Schema.Array(Version), { default: () => [] }),
  /** Events whose data was another. */
  change: Schema.optionalWith(Schema.Array(Schema.Struct({ version: Version, data: Data })), { default: () => [] }),
  /** Events that happened after a version, 0 for before the first one; in this order where several have the same. */
  putIn: Schema.optionalWith(
    Schema.Array(
      Schema.Struct({
        after: Schema.NonNegativeInt,
        type: Schema.NonEmptyString,
        /** Version of the data's form. Default: 1. */
        schemaVersion: Schema.optionalWith(Version, { default: () => 1 }),
        data: Data
      })
    ),
    { default: () => [] }
  )
})
export type Edits = typeof Edits.Type

/** A command that would have been decided otherwise. */
export interface Otherwise {
  readonly commandId: string
  readonly command: string
  readonly sequence: number
  /** Version of the stream, as it is stored, on which it was decided. */
  readonly version: number
  readonly was: "success" | "refusal"
  /** `other-events` and `other-error`: the same outcome, and not the same content. */
  readonly wouldBe: "success" | "refusal" | "other-events" | "other-error"
  /** The tag of the error with which it would have been refused. */
  readonly error: string | null
}

export interface Answer {
  readonly streamId: StreamId
  /** Of the stored stream. */
  readonly version: number
  /** The states in their stored form, and where they differ. */
  readonly state: unknown
  readonly whatIf: unknown
  readonly changes: ReadonlyArray<StateTree.Change>
  readonly moreChanges: number
  /** Commands after the first edit that were decided again. */
  readonly compared: number
  readonly otherwise: ReadonlyArray<Otherwise>
  readonly moreOtherwise: number
  /** Commands after the first edit that were not, by the reason. */
  readonly notComputed: Readonly<Partial<Record<ExplainCommand.NotComputed, number>>>
}

export type WhatIfError =
  | Replay.FoldError
  | LookupError
  | EntryDamaged
  | InvalidArgument
  | UnstorableState
  | DecodeError

/** Most commands that are told; the others are counted. */
export const maxOtherwise = 1_000

const wrongEdits = ({ change, leaveOut, putIn }: Edits, end: number): InvalidArgument | undefined => {
  const versions = [...leaveOut, ...change.map(({ version }) => version)]
  if (new Set(versions).size < versions.length) {
    return new InvalidArgument({ argument: "edits", reason: "name a version twice" })
  }
  const beyond = [...versions, ...putIn.map(({ after }) => after)].find((version) => version > end)
  if (beyond !== undefined) {
    return new InvalidArgument({ argument: "edits", reason: `name version ${beyond}, and the stream ends at ${end}` })
  }
  return versions.length + putIn.length === 0
    ? new InvalidArgument({ argument: "edits", reason: "leave out, change and put in nothing" })
    : undefined
}

/** The state after an event in any form, whose place and hash are those of another or of none. */
const applied = (
  definition: AnyDefinition,
  state: unknown,
  event: StoredEvent
): Either.Either<unknown, DecodeError | EvolveFailed> =>
  Either.flatMap(definition.codec.decode(event), (events) => {
    try {
      return Either.right(
        events.reduce((before: unknown, each) => definition.hold(definition.evolve(before, each), before), state)
      )
    } catch (cause) {
      const { streamId, type, version } = event
      return Either.left(new EvolveFailed({ streamId, version, type, cause }))
    }
  })

/** The same where the edits give the event. A field that readers would leave out counts as misspelt. */
const edited = (
  definition: AnyDefinition,
  state: unknown,
  event: StoredEvent
): Either.Either<unknown, DecodeError | EvolveFailed | InvalidArgument> =>
  Either.flatMap(applied(definition, state, event), (after) => {
    const field = definition.codec.undeclaredField(event)
    if (field === undefined) return Either.right(after)
    const reason = `name a field ${field} of ${event.type}, which its version ${event.schemaVersion} does not have`
    return Either.left(new InvalidArgument({ argument: "edits", reason }))
  })

const tagOf = (error: unknown): string => (error as { readonly _tag?: string } | null)?._tag ?? "an error without a tag"

/** What would be stored of events today, to compare; undefined where one cannot be stored. */
const contentOf = (definition: AnyDefinition, events: ReadonlyArray<{ readonly _tag: string }>): string | undefined =>
  Either.all(events.map((event) => definition.codec.encode(event))).pipe(
    Either.map((all) =>
      Json.canonical(all.map(({ data, schemaVersion, type }) => [type, schemaVersion, JSON.parse(data)]))
    ),
    Either.getOrUndefined
  )

/** The text of an error in today's form. */
const errorOf = (definition: AnyDefinition, command: string, error: unknown): string =>
  definition.commands.writeAnswer(command, "refusal", error).text

/** How a command would have been decided, if otherwise. */
const otherwiseOf = (
  definition: AnyDefinition,
  { entry }: Decided,
  again: Exclude<ExplainCommand.Redecided, { readonly _tag: "NotComputed" }>,
  stored: ReadonlyArray<StoredEvent>
): Pick<Otherwise, "wouldBe" | "error"> | undefined => {
  // What an earlier release stored has another form, and may mean the same: both are compared in today's.
  if (again._tag === "Refused") {
    const error = tagOf(again.error)
    if (entry.outcome === "success") return { wouldBe: "refusal", error }
    const command = entry.command ?? ""
    const was = definition.commands.readAnswer(command, "refusal", { text: entry.answer, version: entry.answerVersion })
    const isSame =
      Either.isRight(was) && errorOf(definition, command, was.right) === errorOf(definition, command, again.error)
    return isSame ? undefined : { wouldBe: "other-error", error }
  }
  if (entry.outcome === "refusal") return { wouldBe: "success", error: null }
  // They were decoded when they were folded.
  const were = stored.flatMap((event) => Either.getOrElse(definition.codec.decode(event), () => []))
  const content = contentOf(definition, again.events)
  const isSame = content !== undefined && content === contentOf(definition, were)
  return isSame ? undefined : { wouldBe: "other-events", error: null }
}

/** The state with these edits, and the later commands that would have been decided otherwise. Nothing is written. */
export const run = (
  definition: AnyDefinition,
  id: string,
  edits: Edits
): Effect.Effect<Answer, WhatIfError, EventStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const streamId = definition.streamId(id)
    const end = yield* Replay.endOf(store, streamId)
    const wrong =
      end === 0
        ? new InvalidArgument({ argument: "id", reason: `names no stream: ${streamId} has no events` })
        : wrongEdits(edits, end)
    if (wrong !== undefined) return yield* wrong
    const left = new Set(edits.leaveOut)
    const changed = new Map(edits.change.map(({ data, version }) => [version, data]))
    /** From this version on the two states may differ. */
    const first = Math.min(...left, ...changed.keys(), ...edits.putIn.map(({ after }) => after))

    let actual: Committed<unknown> = Replay.initial(definition)
    let state: unknown = definition.initial
    const putIn = Effect.fnUntraced(function* (
      after: number,
      like: Omit<StoredEvent, "type" | "schemaVersion" | "data">
    ) {
      for (const { data, schemaVersion, type } of edits.putIn.filter((each) => each.after === after)) {
        state = yield* edited(definition, state, { ...like, type, schemaVersion, data: JSON.stringify(data) })
      }
    })
    /** Folds one stored event into both. */
    const take = Effect.fnUntraced(function* (event: StoredEvent) {
      actual = yield* Replay.fold(definition, actual, [event])
      const data = changed.get(event.version)
      if (!left.has(event.version)) {
        state = yield* data === undefined
          ? applied(definition, state, event)
          : edited(definition, state, { ...event, data: JSON.stringify(data) })
      }
      yield* putIn(event.version, event)
    })

    let page: ReadonlyArray<StoredEvent> = []
    let taken = 0
    const next = Effect.gen(function* () {
      if (taken === page.length) {
        page = (yield* store.readStream(streamId, { from: actual.version + 1, to: end })).events
        taken = 0
        yield* EventLoop.turn
      }
      return page[taken++]
    })
    // Before the first command too, which would have been decided on them.
    const [opening] = (yield* store.readStream(streamId, { from: 1, to: 1 })).events
    if (opening !== undefined) yield* putIn(0, opening)

    const otherwise: Array<Otherwise> = []
    const notComputed: Partial<Record<ExplainCommand.NotComputed, number>> = {}
    let found = 0
    let compared = 0
    for (let after = 0; ; ) {
      const { decided, more } = yield* store.readDecided(streamId, after)
      for (const each of decided) {
        const { entry } = each
        after = entry.sequence
        const { command, commandId, events, outcome, sequence, version } = entry
        if (version > end) continue
        if (!Journal.isIntact(entry)) return yield* new EntryDamaged({ sequence, streamId, version })
        const base = version - events
        while (actual.version < base) {
          const event = yield* next
          if (event === undefined) break
          yield* take(event)
        }
        const asked = base < first ? undefined : ExplainCommand.replayable(definition, each)
        const context = ExplainCommand.contextOf(entry, id, base, entry.recordedAt)
        const again: ExplainCommand.Redecided | undefined =
          asked === undefined
            ? undefined
            : Either.isLeft(asked)
              ? { _tag: "NotComputed", reason: asked.left }
              : ExplainCommand.redecide(definition, asked.right, state, context)
        const own: Array<StoredEvent> = []
        while (actual.version < version) {
          const event = yield* next
          if (event === undefined) break
          own.push(event)
          yield* take(event)
        }
        // An event that the edits name is not what its command decided.
        if (again === undefined || own.some((event) => left.has(event.version) || changed.has(event.version))) continue
        if (again._tag === "NotComputed") {
          notComputed[again.reason] = (notComputed[again.reason] ?? 0) + 1
          continue
        }
        compared++
        const difference = otherwiseOf(definition, each, again, own)
        if (difference === undefined || commandId === null || outcome === null) continue
        found++
        if (otherwise.length === maxOtherwise) continue
        otherwise.push({ commandId, command: command ?? "", sequence, version: base, was: outcome, ...difference })
      }
      if (!more) break
      yield* EventLoop.turn
    }
    for (let event = yield* next; event !== undefined && actual.version < end; event = yield* next) {
      yield* take(event)
    }
    const [before, whatIf] = [yield* formOf(definition, actual.state), yield* formOf(definition, state)]
    const { changes, more: moreChanges } = StateTree.compare(before, whatIf)
    return {
      streamId,
      version: actual.version,
      state: before,
      whatIf,
      changes,
      moreChanges,
      compared,
      otherwise,
      moreOtherwise: found - otherwise.length,
      notComputed
    }
  })
