/**
 * `Invariant` is something that holds at every place of an application's log, for example that nothing is promised
 * twice. `daybook verify` reads the log from its first event and has each invariant follow it; so it is the same
 * whatever wrote the events, and finds what no single aggregate can know.
 *
 * It is given decoded events in their current form, in the order of the log, through the codec that every reader has,
 * and never one that is damaged: there it ends, and `verify` says so.
 *
 * At the log's end it may name what is under way, and the reaction that is to end it. `verify` compares that with where
 * the reaction is, and says what is left to nobody.
 */
import type * as Event from "../core/Event.ts"
import type { Recorded } from "../core/Recorded.ts"
import * as Selection from "./Selection.ts"

/** What an event began and the log does not show to have ended. */
export interface UnderWay {
  /** The event that a reaction works on until it has ended. */
  readonly streamId: string
  readonly version: number
  readonly position: number
  /** The name of that reaction. */
  readonly by: string
  /** As in "the tank is not drained". */
  readonly what: string
}

/** One reading of a log. */
export interface Reading<E> {
  /** Takes the next event. Returns what does not hold with it, in words without a customer's data, or undefined. */
  readonly next: (recorded: Recorded<E>) => string | undefined
  /** What is under way behind the last event. Default: nothing is known to be. */
  readonly underWay?: () => Iterable<UnderWay>
}

export interface Invariant<E extends { readonly _tag: string }> {
  readonly name: string
  readonly selection: Selection.Selection<E>
  readonly begin: () => Reading<E>
}

// biome-ignore lint/suspicious/noExplicitAny: the events are contravariant; no other bound takes every invariant.
export type Any = Invariant<any>

export interface Options<E extends Event.Any> {
  /** Not that of another invariant of the application. */
  readonly name: string
  /** The events that it follows, of any aggregates, named as those of a projection. All others are passed over. */
  readonly events: ReadonlyArray<E>
  /** Begins before the first event. What it keeps is its own, and should grow with what is alive, not with the log. */
  readonly begin: () => Reading<Event.Of<E>>
}

/** Declares an invariant, for `invariants` of `Application.make`. */
export const make = <E extends Event.Any>({ begin, events, name }: Options<E>): Invariant<Event.Of<E>> => ({
  name,
  selection: Selection.make(`the invariant ${name}`, events),
  begin
})
