/**
 * `RaisePlan` says what raising the version of a reaction will do, before it is done: which events it reacts to again, and what
 * becomes of what was stuck or given up. It counts them in the log, and changes nothing. An operator may then have it done, before
 * the release that declares the version does it at its start.
 */
import { Effect, Option } from "effect"
import { EventStore, type LookupError, maxPage } from "../core/EventStore.ts"
import type * as Operation from "../core/Operation.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { CheckpointStore } from "./CheckpointStore.ts"
import { ExclusionStore } from "./ExclusionStore.ts"
import { GenerationStore } from "./GenerationStore.ts"
import type { Model } from "./Model.ts"
import { NothingRaised } from "./ProjectionError.ts"
import type { Any } from "./Reaction.ts"
import * as Registration from "./Registration.ts"

export interface RaisePlan {
  readonly reaction: string
  /** The version under which it runs, and the one that the application declares. */
  readonly from: number
  readonly to: number
  /** What it reacts to behind this position, up to the other, is done again. */
  readonly after: number
  readonly through: number
  /** Where it is: what stands behind that has not been done, or not all of it. */
  readonly position: number
  /** How many events are done again, by type. */
  readonly events: ReadonlyArray<{ readonly type: string; readonly count: number }>
  /** Streams that are stuck now, and tried again. */
  readonly parked: number
  /** Of the events to do again, those that an operator abandoned: they stay so. */
  readonly abandoned: number
}

/** The events behind one position and up to another, except damaged ones, which no reaction takes. */
const eachBetween = Effect.fnUntraced(function* (
  after: number,
  through: number,
  each: (stored: StoredEvent) => void
): Effect.fn.Return<void, LookupError, EventStore> {
  const store = yield* EventStore
  let from = after
  while (from < through) {
    const page = yield* Effect.catchTag(store.readAll(from, maxPage), "StreamDamaged", Effect.succeed)
    if ("events" in page) {
      for (const stored of page.events) if (stored.position <= through) each(stored)
      from = page.more ? (page.events.at(-1)?.position ?? through) : through
    } else from = page.position ?? through
  }
})

const nothingRaised = ({ name, version }: Any, live: Model | null) =>
  new NothingRaised({
    reaction: name,
    declared: version,
    known: live?.version ?? null,
    isAhead: live?.isAhead ?? false
  })

const liveOf = ({ name }: Any) =>
  Effect.map(
    Effect.flatMap(GenerationStore, ({ find }) => find(name)),
    (row) => Option.getOrUndefined(row)?.live ?? null
  )

/** Raises the version, with who and why. Fails as `of` does. */
export const carryOut = (reaction: Any, by: Operation.By) =>
  Effect.gen(function* () {
    const done = yield* Registration.raise(reaction, by)
    return done ?? (yield* nothingRaised(reaction, yield* liveOf(reaction)))
  })

/** Fails with `NothingRaised` where the reaction does not run under an earlier version, `StartRequired` where it says no place. */
export const of = (reaction: Any) =>
  Effect.gen(function* () {
    const { name, version } = reaction
    const live = yield* liveOf(reaction)
    if (live === null || live.version >= version || live.isAhead) return yield* nothingRaised(reaction, live)
    const { after, end: through } = yield* Registration.startOf(reaction, version)
    const abandonments = yield* Effect.flatMap(ExclusionStore, (exclusions) => exclusions.abandonments(name))
    const abandoned = new Set(abandonments.flatMap(({ position }) => (position > after ? [position] : [])))
    const counts = new Map<string, number>()
    yield* eachBetween(after, through, (stored) => {
      if (reaction.selection.codecOf(stored) === undefined || abandoned.has(stored.position)) return
      counts.set(stored.type, (counts.get(stored.type) ?? 0) + 1)
    })
    const plan: RaisePlan = {
      reaction: name,
      from: live.version,
      to: version,
      after,
      through,
      position: live.position,
      events: Array.from(counts, ([type, count]) => ({ type, count })).sort((left, right) => right.count - left.count),
      parked: (yield* Effect.flatMap(CheckpointStore, (checkpoints) => checkpoints.deadLetters(live))).length,
      abandoned: abandoned.size
    }
    return plan
  })
