/**
 * `Reaction` turns events into commands: a process manager. `react` sends commands under ids derived from the event, so
 * reacting again is harmless. It will happen: after a restart it reacts again from the checkpoint on.
 *
 * Events of one stream are reacted to one after the other, in order; of different streams at the same time. The
 * checkpoint is the highest position up to which every event is done. A failed reaction is tried again for ever, with a
 * growing delay; after some attempts its stream is parked, which shows it to the operator and lets the checkpoint pass.
 * It never reacts to a damaged event, and the checkpoint never passes one silently, wanted or not.
 *
 * What it sends has the principal `reaction:` and its name, and belongs to the conversation of the event.
 *
 * Where the log was restored to an end before the checkpoint, what it did for the events that are gone cannot be undone
 * here: it says so, and stands still until an operator makes it go on from the log's end. What runs it is in
 * `ReactionRunner.ts`.
 */
import { Cause, Effect, Either, Layer, LogLevel, Option } from "effect"
import type * as Event from "../core/Event.ts"
import type { EventStore } from "../core/EventStore.ts"
import * as FaultLog from "../core/FaultLog.ts"
import type { Recorded } from "../core/Recorded.ts"
import { InvalidArgument, StreamDamaged } from "../core/StoreError.ts"
import { GenerationStore } from "./GenerationStore.ts"
import * as Lease from "./Lease.ts"
import { ProjectionConfig } from "./ProjectionConfig.ts"
import { StartRequired } from "./ProjectionError.ts"
import type { ProjectionStore } from "./ProjectionStore.ts"
import { run } from "./ReactionRunner.ts"
import * as Registration from "./Registration.ts"
import * as Selection from "./Selection.ts"
import type * as Source from "./Source.ts"

/** The id of the n-th command (from 0) that a reaction sends for one event. */
export type CommandIdOf = (n?: number) => string

/** What a reaction does for an event that an operator makes it give up. */
export interface Abandon<E, R> {
  /** Shown to the operator before: what is done instead, and what stays undone. */
  readonly says: (recorded: Recorded<E>) => string
  /**
   * Ends what was begun in another way, for example by giving back what was taken. Returns what is left to a human, or
   * null. It runs until it succeeds, and may run again, as `react` does and with the same ids: what must not happen
   * beside what `react` may have done shares the id of that.
   */
  readonly react: (recorded: Recorded<E>, commandId: CommandIdOf) => Effect.Effect<string | null, unknown, R>
}

export interface Reaction<E extends { readonly _tag: string }, R> {
  /** Small letters, digits and underscores; not that of another projection or reaction. It is part of every command id. */
  readonly name: string
  readonly selection: Selection.Selection<E>
  readonly react: (recorded: Recorded<E>, commandId: CommandIdOf) => Effect.Effect<unknown, unknown, R>
  readonly abandon: Abandon<E, R> | null
  readonly version: number
  readonly startFrom: Registration.StartFrom | null
  readonly formerNames: ReadonlyArray<string>
}

// biome-ignore lint/suspicious/noExplicitAny: the events are contravariant; no other bound takes every reaction.
export type Any = Reaction<any, unknown>

export interface Options<E extends Event.Any, R> {
  readonly name: string
  /** The events that it wants, of the aggregate that has them, as those of a projection. All others are passed over. */
  readonly events: ReadonlyArray<E>
  /**
   * Sends commands under the ids it is given, and succeeds when the event is done. It runs again after a failure, a restart,
   * or beside another process that runs it, so all it does must be harmless the second time.
   */
  readonly react: (recorded: Recorded<Event.Of<E>>, commandId: CommandIdOf) => Effect.Effect<unknown, unknown, R>
  /** What it does for an event that an operator abandons. Default: nothing, so that all that `react` did not do stays undone. */
  readonly abandon?: Abandon<Event.Of<E>, R>
  /**
   * Where it begins when it is new, and again when its version is raised: at the log's first event, behind its last one, or behind
   * the event at a position. Without it, it does not start where the log has events: it would react to all of its history. Asked
   * once for each version; later it goes on where it was.
   */
  readonly startFrom?: Registration.StartFrom
  /**
   * Raised by one to have it do again what it did: it begins again at `startFrom`, and its commands for what is behind that have ids
   * of this version. `daybook reactions raise --dry-run` says before what that will be. 1 to 100. Default: 1.
   */
  readonly version?: number
  /**
   * Names that it had before, the first one first. It goes on where it was under the last of them, and its commands keep the ids that
   * they had under the first: a rename sends nothing again. Keep them declared.
   */
  readonly formerNames?: ReadonlyArray<string>
}

/** Raised more often than anybody will; the ids of each version are looked for where a conversation is shown. */
const maxVersion = 100

/**
 * Declares a reaction, for `reactions` of `Application.make`. Throws where its events do not go together, and `InvalidArgument` where
 * its version is not one.
 */
export const make = <E extends Event.Any, R>(options: Options<E, R>): Reaction<Event.Of<E>, R> => {
  const { abandon = null, events, formerNames = [], name, react, startFrom = null, version = 1 } = options
  if (!Number.isInteger(version) || version < 1 || version > maxVersion) {
    throw new InvalidArgument({ argument: "version", reason: `is a whole number from 1 to ${maxVersion}` })
  }
  const selection = Selection.make(`the reaction ${name}`, events)
  return { name, version, selection, react, abandon, startFrom, formerNames }
}

/** What stays undone where an event is abandoned, as an operator is told before. */
export const undoneOf = ({ abandon, name, selection }: Any, met: Source.Met): string => {
  const codec = met instanceof StreamDamaged ? undefined : selection.codecOf(met)
  const decoded =
    met instanceof StreamDamaged || codec === undefined ? undefined : Either.getOrUndefined(codec.decode(met))
  if (decoded === undefined || met instanceof StreamDamaged) {
    return `the event cannot be read: what ${name} did for it stays done, and what it did not do stays undone`
  }
  if (abandon === null) return `whatever ${name} has not done for this event stays undone`
  return decoded.map((event) => abandon.says({ event, stored: met })).join("; ")
}

/** Waits until the log has the event that the reaction was at, or an operator makes it go on from the log's end. */
const untilOnLog = Effect.fnUntraced(function* (name: string) {
  const generations = yield* GenerationStore
  const { pollInterval } = yield* ProjectionConfig
  for (let isKnown = false; ; isKnown = true) {
    const row = yield* Effect.option(generations.find(name))
    const live = Option.getOrUndefined(Option.flatten(row))?.live ?? null
    if (live?.isAhead !== true) return
    if (!isKnown) {
      const message = "a reaction is ahead of the log, which was restored, and waits to be resumed"
      yield* FaultLog.report(LogLevel.Error, message, { reaction: name, position: live.position })
    }
    yield* Effect.sleep(pollInterval)
  }
})

const follow = <E extends { readonly _tag: string }, R>(reaction: Reaction<E, R>) =>
  Effect.forever(Effect.zipRight(untilOnLog(reaction.name), Effect.scoped(run(reaction))))

/** Runs the reaction while its scope is open. Fails with `StartRequired` where it is new and does not say where to begin. */
export const layer = <E extends { readonly _tag: string }, R>(
  reaction: Reaction<E, R>
): Layer.Layer<never, StartRequired, EventStore | ProjectionStore | R> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      reaction.selection.check()
      const registered = Effect.flatMap(Registration.register(reaction), (raised) => {
        const { name, version } = reaction
        const message = "the version of a reaction was raised: it does again what is behind its startFrom"
        return raised === null ? Effect.void : FaultLog.report(LogLevel.Info, message, { reaction: name, version })
      })
      // Known at once to anyone who asks for it; where the store does not answer now, it is tried again.
      yield* Effect.catchAllCause(registered, (cause) => {
        const error = Option.getOrUndefined(Cause.failureOption(cause))
        const message = "a reaction cannot be registered yet"
        return error instanceof StartRequired
          ? error
          : FaultLog.report(LogLevel.Warning, message, { reaction: reaction.name }, cause)
      })
      yield* Effect.forkScoped(Lease.whileHeld(Lease.nameOf(reaction.name, reaction.version), follow(reaction)))
    })
  )
