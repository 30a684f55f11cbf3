/**
 * `Timer` is a command that is to be sent at a certain time: an aggregate whose stream says when it was scheduled,
 * moved, cancelled and fired. So a timer is part of the log and goes wherever the log goes. What others do with timers
 * is in `Timers.ts`; what fires them when they are due is `TimerDriver.ts`.
 *
 * Guarantees:
 *
 * - each schedule fires at most once; of a cancellation and a firing the first one in the log counts, and the other
 *   changes nothing;
 * - it never fires before its time by the clock of the process that decides it, except when an operator has it fire now.
 */
import * as Rpc from "@effect/rpc/Rpc"
import { Either, Schema } from "effect"
import * as Aggregate from "../core/Aggregate.ts"
import * as Event from "../core/Event.ts"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** Names a timer: 1 to 255 characters without control characters. Unique in the log, so begin it with what the timer is of. */
export const Key = Schema.String.pipe(
  Schema.minLength(1),
  Schema.maxLength(255),
  Schema.filter((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), {
    message: () => "is 1 to 255 characters without control characters"
  })
)

/** The last time that a date can be. */
export const lastTime = 8_640_000_000_000_000
/** Milliseconds since 1970-01-01 UTC. */
const Time = Schema.Int.pipe(Schema.between(0, lastTime))
const Delay = Schema.Int.pipe(Schema.between(0, lastTime))

/** What is sent: the payload is the text of its stored form, read by the release that sends it. */
const command = {
  aggregate: Schema.String,
  id: Schema.String,
  command: Schema.String,
  payload: Schema.String,
  payloadVersion: Schema.Int
}
export const Command = Schema.Struct(command)
export type Command = typeof Command.Type

export const TimerScheduled = Event.make("TimerScheduled", { due: Schema.Int, ...command })
export const TimerCancelled = Event.make("TimerCancelled", { reason: Schema.NullOr(Schema.String) })
/** `reason` where an operator had it fire before its time. */
export const TimerFired = Event.make("TimerFired", {
  due: Schema.Int,
  early: Schema.Boolean,
  reason: Schema.NullOr(Schema.String),
  ...command
})
const events = [TimerScheduled, TimerCancelled, TimerFired]
export type TimerEvent = Event.Of<(typeof events)[number]>

export const Status = Schema.Literal("none", "pending", "cancelled", "fired")

export const TimerState = Schema.Struct({
  status: Status,
  due: Schema.Int,
  ...command
})
export type TimerState = typeof TimerState.Type

/** How a timer is after a command. `due` is null where it was never scheduled. */
export const TimerView = Schema.Struct({ status: Status, due: Schema.NullOr(Schema.Int) })
export type TimerView = typeof TimerView.Type

/** The timer does not wait for its time: it has fired, was cancelled, or never was. Nothing was done. */
export class TimerNotPending extends Schema.TaggedError<TimerNotPending>()("TimerNotPending", {
  timer: Schema.String,
  status: Status
}) {
  override get message() {
    const how =
      this.status === "none" ? "was never scheduled" : `has ${this.status === "fired" ? "" : "been "}${this.status}`
    return `the timer ${JSON.stringify(this.timer)} ${how}`
  }
}

/** By the clock of the process that was asked it is too early. Nothing was done: it is asked again. */
export class TimerNotDue extends Schema.TaggedError<TimerNotDue>()("TimerNotDue", {
  timer: Schema.String,
  due: Schema.Int
}) {
  override get message() {
    return `the timer ${JSON.stringify(this.timer)} is not due before ${new Date(this.due).toISOString()}`
  }
}

/** At a time, or this long after the decision. */
const when = { at: optional(Time), after: optional(Delay) }
const reason = optional(Schema.NullOr(Schema.String.pipe(Schema.maxLength(4_096))))

export class Timer extends Aggregate.make("Timer", {
  id: Key,
  state: TimerState,
  initial: { status: "none", due: 0, aggregate: "", id: "", command: "", payload: "", payloadVersion: 0 },
  events,
  commands: [
    // Whatever it was before, it waits for this time now.
    Rpc.make("Schedule", { payload: { ...when, ...command }, success: TimerView }),
    Rpc.make("Move", { payload: when, success: TimerView, error: TimerNotPending }),
    Rpc.make("Cancel", { payload: { reason }, success: TimerView, error: TimerNotPending }),
    // As the event with this version scheduled it. Where that is no longer what it waits for, nothing happens.
    Rpc.make("Fire", { payload: { version: Schema.Int }, success: TimerView, error: TimerNotDue }),
    Rpc.make("FireNow", { payload: { reason }, success: TimerView, error: TimerNotPending })
  ],
  transientErrors: ["TimerNotDue"]
}) {}

/** The time that a command gave, as a time. */
const dueOf = ({ after, at }: { readonly at?: number; readonly after?: number }, now: number): number =>
  Math.min(at ?? Math.ceil(now) + (after ?? 0), lastTime)

const commandOf = ({ aggregate, command, id, payload, payloadVersion }: Command): Command => ({
  aggregate,
  id,
  command,
  payload,
  payloadVersion
})

const view = ({ due, status }: TimerState): TimerView => ({ status, due: status === "none" ? null : due })

const pending = (state: TimerState, timer: string): Either.Either<TimerState, TimerNotPending> =>
  state.status === "pending" ? Either.right(state) : Either.left(new TimerNotPending({ timer, status: state.status }))

export const behaviour: Aggregate.BehaviourOf<typeof Timer> = {
  decide: {
    Schedule: (asked, _, { now }) =>
      Either.right([TimerScheduled.make({ due: dueOf(asked, now), ...commandOf(asked) })]),
    Move: (asked, state, { id, now }) =>
      Either.map(pending(state, id), (timer) => [TimerScheduled.make({ due: dueOf(asked, now), ...commandOf(timer) })]),
    Cancel: ({ reason = null }, state, { id }) =>
      Either.map(pending(state, id), () => [TimerCancelled.make({ reason })]),
    Fire: ({ version }, state, { id, now, version: current }) => {
      // Nothing follows the event that scheduled it while it waits.
      if (state.status !== "pending" || current !== version) return Either.right([])
      const { due } = state
      if (now < due) return Either.left(new TimerNotDue({ timer: id, due }))
      return Either.right([TimerFired.make({ due, early: false, reason: null, ...commandOf(state) })])
    },
    FireNow: ({ reason = null }, state, { id, now }) =>
      Either.map(pending(state, id), (timer) => [
        TimerFired.make({ due: timer.due, early: now < timer.due, reason, ...commandOf(timer) })
      ])
  },
  evolve: {
    TimerScheduled: (_, { due, ...scheduled }) => ({ status: "pending", due, ...commandOf(scheduled) }),
    TimerCancelled: (state) => ({ ...state, status: "cancelled" }),
    TimerFired: (state) => ({ ...state, status: "fired" })
  },
  reply: { Schedule: view, Move: view, Cancel: view, Fire: view, FireNow: view }
}
