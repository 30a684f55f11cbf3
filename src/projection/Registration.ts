/**
 * `Registration` is how a reaction comes into a log: once, at a place that it names, or in the place of the reaction
 * whose name it had before. Each is an entry of the journal, so that a log which is copied, exported or restored knows
 * where its reactions began.
 *
 * A reaction that is new on a log with events would react to all of its history. So it has to say where it begins; else
 * it does not start, and says why. Where the log has its registration and the database lacks its checkpoint, for
 * example after an import, it begins where it began before: what it sends again has the same ids, and gets the same
 * answers.
 */
import { Effect, Option } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as Json from "../core/Json.ts"
import * as Operation from "../core/Operation.ts"
import { GenerationStore } from "./GenerationStore.ts"
import { StartRequired } from "./ProjectionError.ts"

/** Where a reaction begins: at the log's first event, behind its last one as it is then, or behind the event at a position. */
export type StartFrom = "beginning" | "now" | { readonly after: number }

export interface Birth {
  readonly name: string
  readonly startFrom: StartFrom | null
  /** The first one first. */
  readonly formerNames: ReadonlyArray<string>
}

/** Another process was first. */
const taken = "taken"

const operationPage = 1_000

/** Where the reaction began, by its newest registration in the log, under this name or one before. */
const bornAt = Effect.fnUntraced(function* ({ formerNames, name }: Birth) {
  const names = new Set([...formerNames, name])
  let found: number | undefined
  for (let after = 0; ; ) {
    const { more, operations } = yield* Operation.page(after, operationPage)
    for (const { detail, name: verb } of operations) {
      if (verb !== "reactions.register" || !Json.isPlainObject(detail)) continue
      if (names.has(String(detail.reaction)) && typeof detail.position === "number") found = detail.position
    }
    const last = operations.at(-1)
    if (!more || last === undefined) return found
    after = last.sequence
  }
})

/** The position where it begins on the log as it is now. */
const startOf = Effect.fnUntraced(function* ({ name, startFrom }: Birth) {
  const events = yield* EventStore
  const end = yield* events.lastPosition
  if (end === 0 || startFrom === "beginning") return 0
  if (startFrom === "now") return end
  if (startFrom === null) return yield* new StartRequired({ reaction: name, end, after: null })
  const { after } = startFrom
  if (after === 0) return 0
  const [event] = after > end ? [] : (yield* events.readAll(after - 1, 1)).events
  return event?.position === after ? after : yield* new StartRequired({ reaction: name, end, after })
})

/** Makes the reaction known where it is not. Fails with `StartRequired` where it does not say where to begin. */
export const register = (birth: Birth) =>
  Effect.gen(function* () {
    const generations = yield* GenerationStore
    const { formerNames, name } = birth
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
    const known = yield* bornAt(birth)
    if (known !== undefined) return void (yield* generations.begin(name, known))
    const work = Effect.gen(function* () {
      // Checked again where nothing else writes: if another process has begun it by now, it need not say where to
      // start.
      if (yield* isKnown) return yield* Effect.fail(taken)
      const position = yield* startOf(birth)
      if (!(yield* generations.begin(name, position))) return yield* Effect.fail(taken)
      return { position }
    })
    yield* Operation.run("reactions.register", { reaction: name, startFrom: birth.startFrom }, {}, work)
  }).pipe(
    Effect.catchIf(
      (error) => error === taken,
      () => Effect.void
    )
  )
