/**
 * `Timers` are commands that are sent later: a reaction schedules one under a key, moves it or cancels it, and when its time has come the
 * command is sent once, over restarts and clocks that jump.
 *
 *     const expiry = Reaction.make({
 *       name: "expiry",
 *       events: [Requested, Confirmed],
 *       react: ({ event, stored }, commandId) =>
 *         event._tag === "Requested"
 *           ? Timers.schedule(`expiry of ${stored.streamId}`, {
 *               after: "15 minutes",
 *               send: Timers.command(Reservation, idOf(stored), "Expire", undefined)
 *             }, { commandId: commandId() })
 *           : Timers.cancel(`expiry of ${stored.streamId}`, { commandId: commandId() })
 *     })
 *
 * An application that has `Timers.part` among its aggregates has what this needs: the timers themselves (`Timer.ts`),
 * the model of those that wait (`PendingTimers.ts`), the driver (`TimerDriver.ts`), and the reaction made here, which
 * sends the command of each that fired. That reaction is like any other: it tries again until the command has an
 * answer, whatever that is, and where there is none, its timer is parked and shown to the operator.
 */
import type { Rpc } from "@effect/rpc"
import { Context, Duration, Effect, Either, Layer, Schema } from "effect"
import type { RuntimeError } from "../core/ActorError.ts"
import type { AggregateClass, CommandOptions, Service } from "../core/Aggregate.ts"
import * as CommandCodec from "../core/CommandCodec.ts"
import * as CommandId from "../core/CommandId.ts"
import type { EventStore, OperationError, RecordError } from "../core/EventStore.ts"
import * as Operation from "../core/Operation.ts"
import * as Principal from "../core/Principal.ts"
import { InvalidArgument } from "../core/StoreError.ts"
import type { AggregatePart } from "./Application.ts"
import * as Published from "./Published.ts"
import * as Reaction from "./Reaction.ts"
import { behaviour, type Command, lastTime, Timer, TimerFired, type TimerNotPending, type TimerView } from "./Timer.ts"
import * as TimerDriver from "./TimerDriver.ts"

export { TimerNotPending, type TimerView } from "./Timer.ts"
export type { Command }

/** What schedules need, and what an aggregate part of `Timers` provides. */
export type Timers = Service<"Timer">

const definition = Timer.define(behaviour)

/** The timers of an application, to stand among its aggregates. Clients read them as any aggregate, and send them nothing. */
export const part: AggregatePart<Timers> = {
  contract: Timer,
  definition,
  layer: Timer.toLayer(behaviour),
  published: Published.make(Timer, definition.commands.errorTags)
}

const codecs = new WeakMap<object, CommandCodec.CommandCodec>()

/**
 * A command of an aggregate, to be sent later. Its payload is kept in its stored form, and read by the release that sends it, with the
 * upcasters that it has then. Throws `InvalidArgument` where id or payload do not fit their schemas.
 */
export const command = <
  Name extends string,
  Id,
  S,
  E extends { readonly _tag: string },
  R extends Rpc.Any,
  K extends R["_tag"]
>(
  contract: AggregateClass<Name, Id, S, E, R>,
  id: NoInfer<Id>,
  name: K,
  payload: Rpc.PayloadConstructor<Extract<R, { readonly _tag: K }>>
): Command => {
  const rpcs = contract.commands as ReadonlyArray<unknown> as ReadonlyArray<Rpc.AnyWithProps>
  const codec = codecs.get(contract) ?? CommandCodec.make(contract.aggregate, rpcs, contract.formerOrders)
  codecs.set(contract, codec)
  const encoded = Schema.encodeEither(contract.id)(id)
  if (Either.isLeft(encoded)) throw new InvalidArgument({ argument: "id", reason: "does not fit its schema" })
  const received = Either.getOrThrowWith(codec.receive(name, encoded.right, payload, ""), (error) => error)
  const { text, version } = received.stored
  return { aggregate: contract.aggregate, id: encoded.right, command: name, payload: text, payloadVersion: version }
}

/** A time, or how long after the timer is asked. */
export type When = { readonly at: Date | number } | { readonly after: Duration.DurationInput }

/** What of a schedule the timer takes, in milliseconds. */
export const timeOf = (when: When): { readonly at?: number; readonly after?: number } =>
  "at" in when
    ? { at: Math.min(Math.floor(Number(when.at)), lastTime) }
    : { after: Math.ceil(Duration.toMillis(when.after)) }

/**
 * Sends the command at its time. A timer of this key that waits already is moved, and sends this command instead; one
 * that has fired or was cancelled begins again. Within a reaction give it a command id of the reaction: then to react
 * again schedules nothing again.
 */
export const schedule = (
  key: string,
  { send, ...when }: When & { readonly send: Command },
  options?: CommandOptions
): Effect.Effect<TimerView, RuntimeError, Timers> =>
  Effect.flatMap(Timer, (timers) => timers(key).Schedule({ ...timeOf(when), ...send }, options))

/** Makes a timer wait for another time. `TimerNotPending` where it does not wait: it has fired, or was cancelled. */
export const move = (
  key: string,
  when: When,
  options?: CommandOptions
): Effect.Effect<TimerView, RuntimeError | TimerNotPending, Timers> =>
  Effect.flatMap(Timer, (timers) => timers(key).Move(timeOf(when), options))

/**
 * Cancels a timer. Returns how it is then: `fired` where that came first, `none` where there is no timer. The order in
 * the log decides, whatever clocks say.
 */
export const cancel = (key: string, options?: CommandOptions): Effect.Effect<TimerView, RuntimeError, Timers> =>
  Effect.flatMap(Timer, (timers) =>
    Effect.catchTag(timers(key).Cancel({}, options), "TimerNotPending", ({ status }) =>
      Effect.succeed<TimerView>({ status, due: null })
    )
  )

/** How a timer is. */
export const find = (key: string): Effect.Effect<TimerView, RuntimeError, Timers> =>
  Effect.flatMap(Timer, (timers) =>
    Effect.map(timers(key).state, ({ state: { due, status } }) => ({ status, due: status === "none" ? null : due }))
  )

type OperatorError = RuntimeError | OperationError | RecordError | TimerNotPending

/**
 * An operator's act on a timer: the command, with who and why in the timer's stream, and then the entry of the
 * operation. Under the same key both are done once, also where the process died between them.
 */
const operate = (
  verb: "cancel" | "fire",
  key: string,
  by: Operation.By
): Effect.Effect<Operation.Done, OperatorError, Timers | EventStore> =>
  Effect.gen(function* () {
    const timers = yield* Timer
    const { reason = null } = by
    const who = by.principal === undefined ? ((yield* Principal.Principal)?.name ?? null) : by.principal
    // Begins as no id of a client may, so that the entry of the operation has the key.
    const commandId = by.key == null ? CommandId.make() : `\u0001timers.${verb}:${by.key}`
    const asked = timers(key).ask(verb === "cancel" ? "Cancel" : "FireNow", { reason }, { commandId })
    const reply = yield* who === null ? asked : Principal.as(who)(asked)
    if (Either.isLeft(reply.outcome)) return yield* reply.outcome.left
    const { position, version } = reply
    return yield* Operation.run(`timers.${verb}`, { timer: key }, by, Effect.succeed({ version, position }))
  })

export const operators = {
  /** Has a timer not fire. */
  cancel: (key: string, by: Operation.By = {}) => operate("cancel", key, by),
  /** Has a timer fire now, whatever its time. */
  fire: (key: string, by: Operation.By = {}) => operate("fire", key, by)
}

/** The command of a timer is not one that this application knows. Declare what it is for, or give it up. */
export class UnknownTarget extends Schema.TaggedError<UnknownTarget>()("UnknownTarget", {
  aggregate: Schema.String,
  command: Schema.String
}) {
  override get message() {
    return `the application has no command ${this.command} of ${this.aggregate}`
  }
}

type Target = Pick<AggregatePart, "definition" | "published">

/**
 * Sends the command of each timer that fired, in the conversation in which it was scheduled. `targets` are the aggregates of the
 * application.
 */
export const reactionOf = (targets: ReadonlyArray<Target>) => {
  const byName = new Map(targets.map((target) => [target.published.name, target]))
  return Reaction.make({
    name: TimerDriver.name,
    events: [Timer.event(TimerFired)],
    // Whatever has fired is to be sent.
    startFrom: "beginning",
    react: ({ event }, commandId) =>
      Effect.gen(function* () {
        const { aggregate, command, id, payload, payloadVersion } = event
        const target = byName.get(aggregate)
        if (target === undefined || !target.definition.commands.tags.includes(command)) {
          return yield* new UnknownTarget({ aggregate, command })
        }
        const { definition, published } = target
        const decoded = yield* Schema.decode(published.id)(id)
        const read = yield* definition.commands.readPayload(command, { text: payload, version: payloadVersion })
        const services = yield* Effect.context<never>()
        // The application's layer provides all its aggregates.
        const ref = Context.unsafeGet(services as Context.Context<unknown>, published.service)(decoded)
        // Its own refusal is an answer too.
        yield* ref.ask(command, read, { commandId: commandId() })
      }),
    abandon: {
      says: ({ event: { aggregate, command, id } }) => `the command ${command} is not sent to ${aggregate} ${id}`,
      react: ({ event: { aggregate, command, id } }) =>
        Effect.succeed(`the command ${command} was not sent to ${aggregate} ${id}`)
    }
  })
}

/** Drives the timers while its scope is open. */
export const driver = Layer.scopedDiscard(Effect.forkScoped(TimerDriver.run))
