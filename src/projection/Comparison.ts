/**
 * `Comparison` folds a whole log through two programs, for example the release that runs and the next one, and says
 * where their results differ: states, version by version, and kept answers. `cli/diff.ts` compares their read models.
 *
 * It reads only verified events and writes nothing. Memory holds two states and one page, whatever the log's size.
 */
import { Effect, Either } from "effect"
import type { AnyDefinition, Committed } from "../core/Definition.ts"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore, type LookupError } from "../core/EventStore.ts"
import * as HeldValue from "../core/HeldValue.ts"
import * as Journal from "../core/Journal.ts"
import * as Json from "../core/Json.ts"
import * as Replay from "../core/Replay.ts"
import * as StateTree from "../core/StateTree.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { StreamDamaged } from "../core/StoreError.ts"
import type { StreamId } from "../core/StreamId.ts"
import type { Application } from "./Application.ts"

/** A place where two programs differ. */
export interface Difference {
  /**
   * - `aggregate`: one of the programs has no such aggregate;
   * - `snapshot`: the states have other stored forms, so that snapshots of the one are passed over by the other;
   * - `state`: the states after this version, and not before it;
   * - `unreadable`: one of them cannot fold the event of this version, or store the state after it, or neither may,
   *   since it or an entry of the journal is damaged;
   * - `answer`: what is kept for a command reads differently;
   * - `projection`, `row`: a read model that only one has; a row of it.
   */
  readonly kind: "aggregate" | "snapshot" | "state" | "unreadable" | "answer" | "projection" | "row"
  /** Name of the aggregate or the projection. */
  readonly name: string
  readonly streamId: StreamId | null
  /** The first at which they part; of an answer, that of the command. */
  readonly version: number | null
  /** The first of the paths at which they differ, and how many there are. */
  readonly path: string | null
  readonly paths: number
  /** In a sentence; holds no values, which are a customer's. */
  readonly what: string
}

export interface Counts {
  readonly streams: number
  readonly events: number
  readonly answers: number
}

/** What is told meanwhile. */
export interface Progress {
  streams: number
  events: number
  answers: number
}

const byName = (app: Application) => new Map(app.aggregates.map(({ definition }) => [definition.name, definition]))

/** Aggregates that only one has, and those whose states are stored in another form. */
const ofAggregates = (before: Application, after: Application): ReadonlyArray<Difference> => {
  const [old, next] = [byName(before), byName(after)]
  const none = { streamId: null, version: null, path: null, paths: 0 }
  return [...new Set([...old.keys(), ...next.keys()])].flatMap((name): ReadonlyArray<Difference> => {
    const [left, right] = [old.get(name), next.get(name)]
    if (left === undefined || right === undefined) {
      const which = left === undefined ? "new" : "old"
      return [{ ...none, kind: "aggregate", name, what: `only the ${which} program has it` }]
    }
    if (left.snapshot.fingerprint === right.snapshot.fingerprint) return []
    const what =
      left.snapshot.version === right.snapshot.version
        ? "its state has another stored form: each program passes over the snapshots of the other"
        : `its snapshots have version ${right.snapshot.version}, and ${left.snapshot.version} in the old program`
    return [{ ...none, kind: "snapshot", name, what }]
  })
}

const formOf = ({ snapshot }: AnyDefinition, state: unknown): Either.Either<string, Error> =>
  Either.try({ try: () => snapshot.encode(state), catch: (error) => error as Error })

type Found = Pick<Difference, "kind" | "path" | "paths" | "what">

/** How the states after an event differ, if they do. */
const ofStates = (
  [old, left]: readonly [AnyDefinition, Committed<unknown>],
  [next, right]: readonly [AnyDefinition, Committed<unknown>]
): Found | undefined => {
  const [before, after] = [formOf(old, left.state), formOf(next, right.state)]
  if (Either.isRight(before) && Either.isRight(after)) {
    if (before.right === after.right) return undefined
    // Fields may be declared in another order.
    const { changes, more } = StateTree.compare(JSON.parse(before.right), JSON.parse(after.right))
    const [first] = changes
    if (first === undefined) return undefined
    return { kind: "state", path: first.path, paths: changes.length + more, what: "the states differ" }
  }
  if (Either.isLeft(before) && Either.isLeft(after)) {
    const path = HeldValue.difference(left.state, right.state)
    return path === undefined ? undefined : { kind: "state", path, paths: 1, what: "the states differ" }
  }
  const which = Either.isLeft(before) ? "old" : "new"
  return { kind: "unreadable", path: null, paths: 0, what: `the ${which} program cannot store the state` }
}

/** Folds one more event through both. */
const step = (
  old: AnyDefinition,
  next: AnyDefinition,
  [left, right]: readonly [Committed<unknown>, Committed<unknown>],
  event: StoredEvent
): Either.Either<readonly [Committed<unknown>, Committed<unknown>], Found> => {
  const [before, after] = [Replay.fold(old, left, [event]), Replay.fold(next, right, [event])]
  if (Either.isRight(before) && Either.isRight(after)) {
    const found = ofStates([old, before.right], [next, after.right])
    return found === undefined ? Either.right([before.right, after.right]) : Either.left(found)
  }
  const failed = [before, after].flatMap((each) => (Either.isLeft(each) ? [each.left._tag] : []))
  const which = Either.isRight(before)
    ? "the new program"
    : Either.isRight(after)
      ? "the old program"
      : "neither program"
  const verb = which.startsWith("neither") ? "reads" : "does not read"
  return Either.left({
    kind: "unreadable",
    path: null,
    paths: 0,
    what: `${which} ${verb} it: ${failed.join(", ")}`
  })
}

const compareStream = Effect.fnUntraced(function* (
  old: AnyDefinition,
  next: AnyDefinition,
  streamId: StreamId,
  progress: Progress
) {
  const store = yield* EventStore
  const damaged = ({ reason, version }: StreamDamaged) =>
    ({ kind: "unreadable", path: null, paths: 0, version, what: `the stream is damaged: ${reason}` }) as const
  let states: readonly [Committed<unknown>, Committed<unknown>] = [Replay.initial(old), Replay.initial(next)]
  for (;;) {
    const page = yield* store.readStream(streamId, { from: states[0].version + 1 }).pipe(
      Effect.tap(({ more }) => (more ? Effect.void : Replay.endOf(store, streamId))),
      Effect.catchTag("StreamDamaged", (error) => Effect.succeed(damaged(error)))
    )
    if ("kind" in page) return page
    for (const event of page.events) {
      progress.events++
      const stepped = step(old, next, states, event)
      if (Either.isLeft(stepped)) return { ...stepped.left, version: event.version }
      states = stepped.right
    }
    if (!page.more) return undefined
    yield* EventLoop.turn
  }
})

/** How a kept answer reads, in its stored form of today. */
const answerOf = (
  { commands }: AnyDefinition,
  { answer, answerVersion, command, outcome }: Journal.JournalEntry
): string => {
  if (command === null || outcome === null) return ""
  if (!commands.tags.includes(command)) return "no such command"
  const read = commands.readAnswer(command, outcome, { text: answer, version: answerVersion })
  if (Either.isLeft(read)) return "unreadable"
  try {
    const { text } = commands.writeAnswer(command, outcome, read.right)
    return text === "" ? "" : `=${Json.canonical(JSON.parse(text))}`
  } catch {
    return "unreadable"
  }
}

/** Calls `found` for each difference as it comes, and gives what was compared. */
export const run = Effect.fnUntraced(function* (
  before: Application,
  after: Application,
  found: (difference: Difference) => void,
  progress: Progress = { streams: 0, events: 0, answers: 0 }
): Effect.fn.Return<Counts, LookupError, EventStore> {
  const store = yield* EventStore
  for (const difference of ofAggregates(before, after)) found(difference)
  const definitionsOf = (streamId: string): readonly [AnyDefinition, AnyDefinition] | undefined => {
    const [old, next] = [before.ofStream(streamId)?.definition, after.ofStream(streamId)?.definition]
    return old === undefined || next === undefined ? undefined : [old, next]
  }

  for (let last = ""; ; ) {
    const page = yield* store.listStreams({ after: last })
    for (const { streamId } of page.streams) {
      last = streamId
      progress.streams++
      const definitions = definitionsOf(streamId)
      if (definitions === undefined) continue
      const difference = yield* compareStream(...definitions, streamId, progress)
      if (difference !== undefined) found({ ...difference, name: definitions[0].name, streamId })
      yield* EventLoop.turn
    }
    if (!page.more) break
  }

  let end = { sequence: 0, hash: Journal.genesis((yield* store.identity).logId) }
  for (;;) {
    const page = yield* store.readJournal(end.sequence)
    for (const entry of page.entries) {
      const damage = Journal.damage(end, entry)
      end = entry
      if (damage !== undefined) {
        const { sequence, streamId, version } = entry
        const what = `entry ${sequence} of the journal is damaged: ${damage}`
        found({ kind: "unreadable", name: "journal", streamId, version, path: null, paths: 0, what })
        continue
      }
      if (entry.kind !== "command" || entry.streamId === null) continue
      const definitions = definitionsOf(entry.streamId)
      if (definitions === undefined) continue
      progress.answers++
      const [old, next] = definitions
      const [left, right] = [answerOf(old, entry), answerOf(next, entry)]
      if (left === right) continue
      const how = [left, right].map((text) => (text.startsWith("=") || text === "" ? "reads" : text))
      found({
        kind: "answer",
        name: old.name,
        streamId: entry.streamId,
        version: entry.version,
        path: null,
        paths: 0,
        what: `the answer to ${entry.command} (entry ${entry.sequence}) is another: ${how[0]}, and in the new program ${how[1]}`
      })
    }
    if (!page.more) break
    yield* EventLoop.turn
  }
  return { ...progress }
})
