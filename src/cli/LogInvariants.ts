/**
 * `LogInvariants` has the invariants of an application follow the log while `verify` reads it, and then looks who is to
 * end what they say is under way: the reaction that they name, if it has yet to come to that event, is stuck at it, or
 * is giving it up.
 *
 * A reaction that has passed the event without being told to has lost it: that is a problem. One that cannot go on,
 * since the application lacks it, it has not begun or it is paused, is a note.
 */
import { Effect, Option } from "effect"
import type { Problem } from "../core/JournalCheck.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Application } from "../projection/Application.ts"
import { CheckpointStore } from "../projection/CheckpointStore.ts"
import { ExclusionStore } from "../projection/ExclusionStore.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { Any, Reading, UnderWay } from "../projection/Invariant.ts"
import type { ProjectionRow } from "../projection/Model.ts"
import * as PendingTimers from "../projection/PendingTimers.ts"
import * as RelayName from "../projection/RelayName.ts"

interface Follower {
  readonly invariant: Any
  readonly reading: Reading<{ readonly _tag: string }>
  /** At the event where it ended, if it did. */
  isOver: boolean
}

const at = (
  { streamId, version }: { readonly streamId: string; readonly version: number },
  problem: string
): Problem => ({ streamId, version, sequence: null, problem })

/** What an invariant says of one event; of an invariant that throws, that it did. */
const verdictOf = ({ invariant, reading }: Follower, stored: StoredEvent): string | undefined => {
  const decoded = invariant.selection.codecOf(stored)?.decode(stored)
  if (decoded === undefined || decoded._tag === "Left") return undefined
  try {
    for (const event of decoded.right) {
      const wrong = reading.next({ event, stored })
      if (wrong !== undefined) return `the invariant ${invariant.name} does not hold: ${wrong}`
    }
    return undefined
  } catch (cause) {
    const name = cause instanceof Error ? cause.name : typeof cause
    return `the invariant ${invariant.name} cannot be checked: its code threw ${name}`
  }
}

/** How late a timer may be before that is worth a note, in milliseconds. */
const lateMillis = 60_000

export const follow = (app: Application) => {
  const followers: ReadonlyArray<Follower> = app.invariants.map((invariant) => ({
    invariant,
    reading: invariant.begin(),
    isOver: false
  }))

  return {
    /** Takes the next event of the log, which is whole and can be read. Returns what does not hold with it. */
    next: (stored: StoredEvent): ReadonlyArray<string> => {
      const wrong: Array<string> = []
      for (const follower of followers) {
        const verdict = follower.isOver ? undefined : verdictOf(follower, stored)
        if (verdict === undefined) continue
        follower.isOver = true
        wrong.push(verdict)
      }
      return wrong
    },
    /**
     * The next event is not what was stored: what holds with it, and behind it, cannot be told. Returns whose end that
     * is.
     */
    end: (): ReadonlyArray<string> => {
      const going = followers.filter(({ isOver }) => !isOver)
      for (const follower of going) follower.isOver = true
      return going.map(({ invariant }) => invariant.name)
    },
    underWay: (): ReadonlyArray<UnderWay> =>
      followers.flatMap(({ isOver, reading }) => (isOver ? [] : [...(reading.underWay?.() ?? [])]))
  }
}

/** Where each of these is with the reaction that is to end them: to come, given up by an operator, or lost. */
const placesOf = Effect.fnUntraced(function* (row: ProjectionRow | undefined, works: ReadonlyArray<UnderWay>) {
  const live = row?.live ?? null
  if (row === undefined || live === null || live.isAhead) return { toCome: works, lost: [] }
  const checkpoints = yield* CheckpointStore
  const letters = new Map((yield* checkpoints.deadLetters(live)).map((each) => [each.streamId, each.version]))
  const skipped = yield* checkpoints.skipped(live)
  const given = new Set((yield* (yield* ExclusionStore).abandonments(row.name)).map(({ position }) => position))
  const isToCome = ({ position, streamId, version }: UnderWay) =>
    position > live.position || (letters.get(streamId) ?? Infinity) <= version
  return {
    toCome: works.filter(isToCome),
    // What an operator gave up is noted by `TakenOut`.
    lost: works.filter((work) => !isToCome(work) && !skipped.has(work.position) && !given.has(work.position))
  }
})

/** Why a reaction does not go on, as far as the database tells. */
const standstillOf = (app: Application, by: string, row: ProjectionRow | undefined): string | undefined => {
  if (!app.reactions.some(({ name }) => name === by)) return `${app.name} has no such reaction`
  if (row === undefined || row.live === null) return "it has not begun here"
  if (row.live.isAhead) return "it is ahead of the log, which was restored"
  return row.paused ? "it is paused" : undefined
}

/** What is under way that no reaction comes to, and reactions that the application lacks. */
export const undriven = Effect.fnUntraced(function* (app: Application, underWay: ReadonlyArray<UnderWay>) {
  const problems: Array<Problem> = []
  const notes: Array<Problem> = []
  const rows = yield* (yield* GenerationStore).list
  const byReaction = new Map<string, Array<UnderWay>>()
  for (const work of underWay) {
    const others = byReaction.get(work.by)
    if (others === undefined) byReaction.set(work.by, [work])
    else others.push(work)
  }
  for (const [by, works] of byReaction) {
    const row = rows.find(({ name }) => name === by)
    const { lost, toCome } = yield* placesOf(row, works)
    for (const work of lost) {
      problems.push(at(work, `${work.what}, and the reaction ${by} has passed it: nobody comes to it`))
    }
    const reason = standstillOf(app, by, row)
    const [first, ...others] = toCome
    if (first === undefined || reason === undefined) continue
    const more = others.length === 0 ? "" : `; so are ${others.length} more`
    notes.push(at(first, `${first.what}, and is left to the reaction ${by}: ${reason}${more}`))
  }
  const declared = new Set(app.reactions.map(({ name }) => name))
  for (const { kind, live, name } of rows) {
    if (kind !== "reaction" || live === null || declared.has(name) || RelayName.is(name)) continue
    const problem = `${app.name} has no such reaction, which has run here: nobody does what it would do later`
    notes.push(at({ streamId: name, version: live.position }, problem))
  }
  return { problems, notes }
})

/** Timers that should have fired, where the application has any. */
export const lateTimers = Effect.fnUntraced(function* (app: Application, now: number) {
  const { name } = PendingTimers.projection
  if (!app.projections.some((each) => each.name === name)) return []
  const overview = yield* PendingTimers.overview(now)
  if (overview.lateMillis < lateMillis) return []
  const live = Option.getOrUndefined(yield* (yield* GenerationStore).find(name))?.live
  const late = Math.floor(overview.lateMillis / 1_000)
  const problem = `${overview.due} timers should have fired, the first one ${late} s ago; run the service`
  return [at({ streamId: name, version: live?.position ?? 0 }, problem)]
})
