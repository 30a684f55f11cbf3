/**
 * `Operators` is what operators can do to a projection or a reaction. Each verb is an operation of the journal, with
 * who and why, in the transaction that stores it for the runner; one that finds nothing to do fails, and leaves no
 * entry.
 */
import { Effect } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as Operation from "../core/Operation.ts"
import type { StoreUnavailable } from "../core/StoreError.ts"
import { CheckpointStore } from "./CheckpointStore.ts"
import { ExclusionStore } from "./ExclusionStore.ts"
import { GenerationStore } from "./GenerationStore.ts"
import type { ProjectionRow } from "./Model.ts"
import {
  NothingAbandoned,
  NothingFailed,
  NothingSkipped,
  type UnknownProjection,
  WrongKind
} from "./ProjectionError.ts"
import type { Projections } from "./Projections.ts"
import * as Reaction from "./Reaction.ts"
import * as RelayName from "./RelayName.ts"
import * as Source from "./Source.ts"

export interface Options {
  readonly reactions: ReadonlyArray<Reaction.Any>
  readonly rowOf: (name: string) => Effect.Effect<ProjectionRow, UnknownProjection | StoreUnavailable>
  /** Wakes the runner of this process. */
  readonly wake: (name: string) => Effect.Effect<unknown>
}

type Verb = "retry" | "skip" | "unskip" | "pause" | "resume" | "abandoning" | "abandon" | "takeUp"

/** The place of an event, as an entry tells it. */
const placeOf = ({ position, version }: { readonly position: number; readonly version: number }) => ({
  position,
  version
})

export const make = ({ reactions, rowOf, wake }: Options) =>
  Effect.gen(function* () {
    const events = yield* EventStore
    const checkpoints = yield* CheckpointStore
    const exclusions = yield* ExclusionStore
    const generations = yield* GenerationStore
    const declared = new Map(reactions.map((reaction) => [reaction.name, reaction]))

    const kindOf = ({ kind, name }: Pick<ProjectionRow, "kind" | "name">) => (RelayName.is(name) ? "relay" : kind)

    /** The row, where the verb is for its kind. */
    const ofKind = (name: string, ...kinds: ReadonlyArray<WrongKind["kind"]>) =>
      Effect.filterOrFail(
        rowOf(name),
        (row) => kinds.includes(kindOf(row)),
        (row) => new WrongKind({ name, kind: kindOf(row) })
      )

    const operate = <X>(
      row: Pick<ProjectionRow, "kind" | "name">,
      verb: string,
      asked: Readonly<Record<string, unknown>>,
      by: Operation.By | undefined,
      work: Effect.Effect<Readonly<Record<string, unknown>>, X>
    ) => {
      const kind = kindOf(row)
      return Operation.run(`${kind}s.${verb}`, { [kind]: row.name, ...asked }, by ?? {}, work).pipe(
        Effect.provideService(EventStore, events),
        Effect.zipLeft(wake(row.name))
      )
    }

    const release = (row: ProjectionRow, streamId: string, how: "retry" | "skip", by: Operation.By | undefined) => {
      const { name } = row
      const work = Effect.filterOrFail(
        checkpoints.release(name, streamId, how, by),
        (found) => found.length > 0,
        () => new NothingFailed({ projection: name, streamId })
      )
      return operate(
        row,
        how,
        { streamId },
        by,
        Effect.map(work, (found) => ({ events: found.map(placeOf) }))
      )
    }

    const setPaused = (row: ProjectionRow, paused: boolean, by: Operation.By | undefined) => {
      const { kind, name } = row
      const work = Effect.gen(function* () {
        yield* generations.register(name, kind)
        const atEnd = paused ? false : yield* checkpoints.toEnd(name)
        yield* generations.setPaused(name, paused)
        // It no longer reacts to events that a restored log lacks.
        return atEnd ? { atEnd } : {}
      })
      return operate(row, paused ? "pause" : "resume", {}, by, work)
    }

    /** The event at which the reaction is stuck in this stream, and what giving it up means. */
    const stuckAt = Effect.fnUntraced(function* (row: ProjectionRow, streamId: string) {
      const { live, name } = row
      const letters = live === null ? [] : yield* checkpoints.deadLetters(live)
      const { failure = null } = live ?? {}
      const halted = failure?.halted === true ? [failure] : []
      const given = new Set((yield* exclusions.abandonments(name)).map(({ position }) => position))
      const event = [...letters, ...halted].find((each) => each.streamId === streamId && !given.has(each.position))
      if (event === undefined) return yield* new NothingFailed({ projection: name, streamId })
      const met = yield* Effect.catchTag(Source.eventAt(events, streamId, event.version), "InvalidArgument", Effect.die)
      const reaction = declared.get(name)
      const undone =
        reaction === undefined || met === undefined
          ? `whatever ${name} has not done for this event stays undone`
          : Reaction.undoneOf(reaction, met)
      return { event, undone }
    })

    const verbs: Pick<Projections["Type"], Verb> = {
      retry: (name, streamId, by) => Effect.flatMap(rowOf(name), (row) => release(row, streamId, "retry", by)),
      skip: (name, streamId, by) =>
        Effect.flatMap(ofKind(name, "projection", "relay"), (row) => release(row, streamId, "skip", by)),
      unskip: (name, streamId, by, version) =>
        Effect.flatMap(ofKind(name, "projection"), (row) => {
          const work = Effect.filterOrFail(
            exclusions.unskip(name, streamId, version),
            (undone) => undone.events.length > 0,
            () => new NothingSkipped({ projection: name, streamId })
          )
          const asked = { streamId, ...(version !== undefined && { version }) }
          const found = Effect.map(work, (undone) => ({
            events: undone.events.map(placeOf),
            rebuilds: undone.rebuilds
          }))
          return operate(row, "unskip", asked, by, found)
        }),
      pause: (name, by) => Effect.flatMap(rowOf(name), (row) => setPaused(row, true, by)),
      resume: (name, by) => Effect.flatMap(rowOf(name), (row) => setPaused(row, false, by)),
      abandoning: (name, streamId) =>
        Effect.flatMap(ofKind(name, "reaction"), (row) =>
          Effect.map(stuckAt(row, streamId), ({ event, undone }) => ({
            name,
            streamId,
            version: event.version,
            undone
          }))
        ),
      abandon: (name, streamId, by) =>
        Effect.flatMap(ofKind(name, "reaction"), (row) => {
          const work = Effect.gen(function* () {
            const { event, undone } = yield* stuckAt(row, streamId)
            const found = yield* exclusions.abandon(name, event, undone, by ?? {})
            if (!found) return yield* new NothingFailed({ projection: name, streamId })
            return { ...placeOf(event), undone }
          })
          return operate(row, "abandon", { streamId }, by, work)
        }),
      takeUp: (name, streamId, by) =>
        Effect.flatMap(ofKind(name, "reaction"), (row) => {
          const work = Effect.filterOrFail(
            exclusions.takeUp(name, streamId),
            (found) => found.length > 0,
            () => new NothingAbandoned({ reaction: name, streamId })
          )
          return operate(
            row,
            "take-up",
            { streamId },
            by,
            Effect.map(work, (found) => ({ events: found.map(placeOf) }))
          )
        })
    }
    return verbs
  })
