/**
 * `Registration` is how a reaction comes into a log: once, at a place that it says, or in the place of one whose name it had before;
 * and how it begins again where a release raises its version. Each is an entry of the journal, so that a log which is copied,
 * exported or restored knows where its reactions began.
 *
 * A reaction that is new on a log with events would react to all of its history. So it has to say where it begins; else it does not
 * start, and says why. Where the log has its registration and the database lacks its checkpoint, as after an import, it begins where
 * it did: what it sends again has the ids of before, and answers what it did.
 *
 * A raised version does again what is behind its `startFrom`, up to the log's end as it is then:
 *
 * - the commands for these events have ids with the new version, and so are sent again; for all others they keep the ids that they
 *   had, also in a process of the release before that is still at work;
 * - nothing is missed: it begins no later than where it was, and what was stuck is tried again;
 * - what an operator abandoned stays abandoned.
 *
 * What that will be is said before by `RaisePlan.ts`.
 */
import { Effect, Option } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as Json from "../core/Json.ts"
import * as Operation from "../core/Operation.ts"
import { CheckpointStore } from "./CheckpointStore.ts"
import { GenerationStore } from "./GenerationStore.ts"
import { StartRequired } from "./ProjectionError.ts"

/** Where a reaction begins: at the log's first event, behind its last one as it is then, or behind the event at a position. */
export type StartFrom = "beginning" | "now" | { readonly after: number }

export interface Birth {
  readonly name: string
  readonly version: number
  readonly startFrom: StartFrom | null
  /** The first one first. */
  readonly formerNames: ReadonlyArray<string>
}

/** A version, and the events that are done again under it: those behind `after`, up to `through`. */
export interface Raise {
  readonly version: number
  readonly after: number
  readonly through: number
}

/** The version in the ids of an event's commands; 1, which is not written, for an event that is not done again. */
export const versionAt = (raises: ReadonlyArray<Raise>, position: number): number =>
  raises.findLast(({ after, through }) => position > after && position <= through)?.version ?? 1

/** Another process was first. */
const taken = "taken"

const operationPage = 1_000

/** What the log says of the reaction, under this name or one before. */
interface Past {
  /** The first place from which it ever went on; undefined where the log does not know it. */
  readonly position: number | undefined
  readonly version: number
  readonly raises: ReadonlyArray<Raise>
}

/** Reads the entries of the reaction. */
export const pastOf = Effect.fnUntraced(function* ({ formerNames, name }: Pick<Birth, "formerNames" | "name">) {
  const names = new Set([...formerNames, name])
  const raises: Array<Raise> = []
  let begun: number | undefined
  let newest = 1
  for (let at = 0; ; ) {
    const { more, operations } = yield* Operation.page(at, operationPage)
    for (const { detail, name: verb } of operations) {
      if (!Json.isPlainObject(detail) || !names.has(String(detail.reaction))) continue
      const { after, position, through, version } = detail
      if (verb !== "reactions.register" && verb !== "reactions.raise") continue
      if (typeof position === "number") begun = Math.min(begun ?? position, position)
      if (typeof version === "number") newest = version
      if (typeof version !== "number" || typeof after !== "number" || typeof through !== "number") continue
      raises.push({ version, after, through })
    }
    const last = operations.at(-1)
    if (!more || last === undefined) {
      const past: Past = { position: begun, version: newest, raises }
      return past
    }
    at = last.sequence
  }
})

/** The position where it begins on the log as it is now, and the log's end. `raisedTo` is null for one that is new. */
export const startOf = Effect.fnUntraced(function* ({ name, startFrom }: Birth, raisedTo: number | null) {
  const events = yield* EventStore
  const end = yield* events.lastPosition
  if (end === 0 || startFrom === "beginning") return { after: 0, end }
  if (startFrom === "now") return { after: end, end }
  if (startFrom === null) return yield* new StartRequired({ reaction: name, end, after: null, raisedTo })
  const { after } = startFrom
  if (after === 0) return { after, end }
  const [event] = after > end ? [] : (yield* events.readAll(after - 1, 1)).events
  if (event?.position === after) return { after, end }
  return yield* new StartRequired({ reaction: name, end, after, raisedTo })
})

const unlessTaken = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchIf(
    effect,
    (error) => error === taken,
    () => Effect.succeed(null)
  ) as Effect.Effect<A | null, Exclude<E, typeof taken>, R>

/**
 * Has the reaction begin again under the version that it declares, where it runs under an earlier one. Gives the operation; null where
 * there was nothing to raise.
 */
export const raise = (birth: Birth, by: Operation.By = {}) =>
  Effect.gen(function* () {
    const generations = yield* GenerationStore
    const checkpoints = yield* CheckpointStore
    const { name, startFrom, version } = birth
    const isDue = Effect.map(generations.find(name), (row) => {
      const live = Option.getOrUndefined(row)?.live ?? null
      // One that is ahead of a restored log is resumed by an operator first.
      return live !== null && live.version < version && !live.isAhead
    })
    // What was done under a key is told again.
    if (by.key == null && !(yield* isDue)) return null
    const work = Effect.gen(function* () {
      // Asked again where nothing else writes.
      if (!(yield* isDue)) return yield* Effect.fail(taken)
      const { after, end } = yield* startOf(birth, version)
      const position = yield* checkpoints.raise(name, version, after)
      if (position === null) return yield* Effect.fail(taken)
      return { after, through: end, position }
    })
    return yield* Operation.run("reactions.raise", { reaction: name, version, startFrom }, by, work)
  }).pipe(unlessTaken)

/** Makes the reaction known where it is not. */
const makeKnown = (birth: Birth) =>
  Effect.gen(function* () {
    const generations = yield* GenerationStore
    const { formerNames, name, startFrom, version } = birth
    const isKnown = Effect.map(generations.find(name), Option.isSome)
    if (yield* isKnown) return
    for (const former of formerNames.toReversed()) {
      // A name that was given up has a row, and no checkpoint.
      if (Option.getOrUndefined(yield* generations.find(former))?.live == null) continue
      const renaming = Effect.filterOrFail(
        generations.rename(former, name),
        (isRenamed) => isRenamed,
        () => taken
      )
      return void (yield* Operation.run("reactions.rename", { reaction: name, former }, {}, Effect.as(renaming, {})))
    }
    const past = yield* pastOf(birth)
    if (past.position !== undefined) return void (yield* generations.begin(name, past.position, past.version))
    const work = Effect.gen(function* () {
      // Asked again where nothing else writes: what another process has begun by now need not say where to start.
      if (yield* isKnown) return yield* Effect.fail(taken)
      const { after: position } = yield* startOf(birth, null)
      if (!(yield* generations.begin(name, position, version))) return yield* Effect.fail(taken)
      return { position, ...(version > 1 && { version }) }
    })
    yield* Operation.run("reactions.register", { reaction: name, startFrom }, {}, work)
  }).pipe(unlessTaken)

/**
 * Makes the reaction known where it is not, and raises its version where that is to be. Fails with `StartRequired` where it does not
 * say where to begin.
 */
export const register = (birth: Birth) => Effect.zipRight(makeKnown(birth), raise(birth))
