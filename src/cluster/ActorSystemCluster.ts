/**
 * `ActorSystemCluster` is the actor system of many nodes: `@effect/cluster` says which node a stream belongs to, and
 * the actors there are those of the local system.
 *
 * Ownership saves conflicts and nothing else. Where two nodes believe that they own a stream, the store's version check
 * lets one of them append, and the other reloads and decides again. A command that may have been lost on the way is
 * asked again under its id, under which the store holds it once; so a refusal is kept too, since its answer may be
 * lost. A state is read on the node that is asked, from the store.
 */
import { createHash } from "node:crypto"
import * as Entity from "@effect/cluster/Entity"
import { EntityId } from "@effect/cluster/EntityId"
import { Sharding } from "@effect/cluster/Sharding"
import { Cause, Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { ActorConfig } from "../core/ActorConfig.ts"
import { MailboxFull, type RuntimeError, ShuttingDown } from "../core/ActorError.ts"
import { ActorSystem, type Answer, type Ask } from "../core/ActorSystem.ts"
import * as ActorSystemLocal from "../core/ActorSystemLocal.ts"
import * as Backoff from "../core/Backoff.ts"
import type { Earlier } from "../core/CommandIdentity.ts"
import type { AnyDefinition } from "../core/Definition.ts"
import { type EventStore, outsideTransaction } from "../core/EventStore.ts"
import * as Json from "../core/Json.ts"
import * as KeptPayload from "../core/KeptPayload.ts"
import * as Limits from "../core/Limits.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import * as Statements from "../core/Statements.ts"
import * as StoredText from "../core/StoredText.ts"
import { OutcomeUnknown } from "../core/StoreError.ts"
import { AskRpc } from "./AskRpc.ts"
import { Bursts } from "./Bursts.ts"

export interface ClusterOptions {
  /**
   * Longest wait for one node before the command is asked again, of the node that owns the stream then. Default 5
   * seconds.
   */
  readonly attemptTimeout?: Duration.DurationInput
  /** Longest wait in all; then the answer is `OutcomeUnknown`. Default 30 seconds. */
  readonly deadline?: Duration.DurationInput
  /** Commands of this node that wait for an answer; a further one gets `MailboxFull`. Default 16,384. */
  readonly maxWaiting?: number
}

interface ClusterLimits {
  readonly attemptTimeout: Duration.Duration
  readonly deadline: Duration.Duration
  readonly maxWaiting: number
}

const defaults: ClusterLimits = {
  attemptTimeout: Duration.seconds(5),
  deadline: Duration.seconds(30),
  maxWaiting: 16_384
}

const ranges: Limits.Ranges<ClusterLimits> = {
  attemptTimeout: [1, Number.MAX_SAFE_INTEGER],
  deadline: [1, Number.MAX_SAFE_INTEGER],
  maxWaiting: [1, 1_000_000]
}

/**
 * The options with what they leave out. Throws `Limits.InvalidLimit` when one is outside its range, or two contradict.
 */
const limitsOf = ({ attemptTimeout, deadline, ...others }: ClusterOptions): ClusterLimits =>
  Limits.change(
    defaults,
    ranges,
    {
      ...others,
      ...(attemptTimeout !== undefined && { attemptTimeout: Duration.decode(attemptTimeout) }),
      ...(deadline !== undefined && { deadline: Duration.decode(deadline) })
    },
    [["attemptTimeout", "<=", "deadline", "a command would be given up before its first attempt"]]
  )

/**
 * One entity for all aggregates. Each of its ids stands for many streams: the local system has an actor for each of
 * them, and what the cluster moves from node to node is a share of the streams.
 */
const Share = Entity.make("daybook/Share", [AskRpc])

/** Shares of the streams; some for each of the 300 shards of the cluster. Every node must have the same number. */
const shares = 1_024

const shareOf = (streamId: string): string =>
  String(createHash("sha256").update(streamId).digest().readUInt32BE(0) % shares)

/** Commands that are sent before the event loop turns. */
const maxBurst = 256

/** Why an attempt was given up that waited for its whole time. */
const late = "the node of the stream did not answer in time"

/** Wait before a command is asked again: no longer than it takes a node to hear of its new shards. */
const pauses = Backoff.schedule({ least: 20, most: 500 })

const make = ({ attemptTimeout, deadline, maxWaiting }: ClusterLimits) =>
  Effect.gen(function* () {
    const sharding = yield* Sharding
    const client = yield* Share.client
    const definitions = new Map<string, AnyDefinition>()
    let stopping = false
    let waiting = 0
    /** Those of them that are at another node. */
    let away = 0
    const returned = yield* Deferred.make<void>()
    const bursts = new Bursts(maxBurst)

    const serve = (sent: typeof AskRpc.payloadSchema.Type) =>
      Effect.gen(function* () {
        const definition = definitions.get(sent.aggregate)
        // A node that starts has its shards before its aggregates.
        if (definition === undefined) return yield* new ShuttingDown()
        const { command, payload: text, payloadVersion } = sent
        const payload = yield* definition.commands.readPayload(command, { text, version: payloadVersion })
        const { earlier, fingerprint } =
          sent.earlier === undefined
            ? yield* identityHere(definition, sent, payload)
            : { earlier: { given: undefined, form: undefined, ...sent.earlier }, fingerprint: sent.fingerprint }
        const { value, ...answer } = yield* local.ask({
          ...sent,
          payload,
          earlier,
          fingerprint,
          retryable: true,
          kept: sent.isKept ? KeptPayload.write({ text, version: payloadVersion }) : undefined
        })
        const written = definition.commands.writeAnswer(command, answer.outcome, value)
        return { ...answer, value: written.text, valueVersion: written.version }
      }).pipe(
        Effect.exit,
        Effect.map((exit) => ({
          exit,
          moving: (stopping || !definitions.has(sent.aggregate)) && Exit.isFailure(exit) && isShuttingDown(exit.cause)
        }))
      )

    yield* sharding.registerEntity(Share, Effect.succeed({ Ask: ({ payload }) => serve(payload) }), {
      // The local system limits what waits, for each stream; a limit for all of a share would stop innocent ones.
      mailboxCapacity: "unbounded",
      concurrency: "unbounded"
    })
    // After the entity, and so stopped before it: while it answers what it has accepted, the way to the callers is
    // open.
    const local = Context.get(yield* Layer.build(ActorSystemLocal.layer), ActorSystem)
    const { shutdownTimeout } = yield* ActorConfig
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        stopping = true
        // What is here the local system waits for.
        if (away === 0) return
        // A finalizer cannot be interrupted, and so not be timed out: the time ends what it waits for.
        const timer = yield* Effect.forkDaemon(
          Effect.interruptible(Effect.delay(Deferred.succeed(returned, undefined), shutdownTimeout))
        )
        yield* Deferred.await(returned)
        yield* Fiber.interrupt(timer)
      })
    )

    const register: ActorSystem["Type"]["register"] = (definition) =>
      Effect.zipRight(
        local.register(definition),
        Effect.acquireRelease(
          Effect.sync(() => definitions.set(definition.name, definition)),
          () => Effect.sync(() => definitions.delete(definition.name))
        )
      )

    const ask = (asked: Ask): Effect.Effect<Answer, RuntimeError> =>
      Effect.gen(function* () {
        const definition = definitions.get(asked.aggregate)
        // Not from here: the local system says why.
        if (definition === undefined || stopping) return yield* local.ask(asked)
        // Before it travels: on its way a text that no store takes may become one that it does.
        const wrong = StoredText.wrongIn(asked) ?? Statements.take(asked, false)
        if (wrong !== undefined) return yield* wrong
        const streamId = definition.streamId(asked.id)
        if (waiting >= maxWaiting) return yield* new MailboxFull({ streamId, capacity: maxWaiting })
        const payload = yield* definition.commands.writePayload(asked.command, asked.payload)
        const { earlier: former = nothingEarlier } = asked
        const earlier = { ...former, given: sendable(former.given) }
        const share = shareOf(streamId)
        const { Ask } = client(share)
        const isAway = !sharding.hasShardId(sharding.getShardId(EntityId.make(share), "default"))
        /** Whether an attempt may have been done and its answer lost. */
        let isOpen = false
        const lost = (cause: unknown) => {
          isOpen = true
          return new Lost({ cause })
        }
        const attempt = Ask({
          ...asked,
          earlier,
          payload: payload.text,
          payloadVersion: payload.version,
          isKept: asked.kept !== undefined
        }).pipe(
          Effect.sandbox,
          Effect.mapError((cause) => lost(Cause.squash(cause))),
          // A node that stands still does not answer to an interruption either.
          Effect.disconnect,
          Effect.timeoutFail({
            duration: attemptTimeout,
            onTimeout: () => lost(late)
          }),
          Effect.flatMap(({ exit, moving }): Effect.Effect<Sent, RuntimeError | Lost> => {
            if (moving && !stopping) return new Lost({ cause: "the node takes no commands" })
            const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
            if (error === undefined || isSettled(error)) return exit
            // That this attempt did nothing does not mean that earlier ones did nothing.
            return isOpen ? new Lost({ cause: error }) : exit
          })
        )
        // The next one joins a decision that goes on, and at once: one that ended meanwhile would be taken for none.
        const joined = Effect.retry(attempt, {
          while: (error) => error._tag === "Lost" && error.cause === late && !stopping
        })
        const attempts = Effect.retry(joined, {
          schedule: pauses,
          while: (error) => error._tag === "Lost" && !stopping
        }).pipe(
          Effect.timeoutFail({
            duration: deadline,
            onTimeout: () => new OutcomeUnknown({ cause: "no node answered in time" })
          }),
          Effect.catchTag("Lost", ({ cause }) => new OutcomeUnknown({ cause }))
        )
        const answer = yield* Effect.acquireUseRelease(
          Effect.sync(() => {
            waiting++
            if (isAway) away++
          }),
          () => Effect.zipRight(bursts.room, attempts),
          () =>
            Effect.suspend(() => {
              waiting--
              if (isAway) away--
              return stopping && away === 0 ? Deferred.succeed(returned, undefined) : Effect.void
            })
        )
        const { value: text, valueVersion, ...place } = answer
        const read = definition.commands.readAnswer(asked.command, answer.outcome, { text, version: valueVersion })
        return { ...place, value: yield* read }
      })

    return ActorSystem.of({ ...local, register, ask: (asked) => outsideTransaction(local.store, ask(asked)) })
  })

const nothingEarlier: Earlier = {
  given: undefined,
  form: undefined,
  defaulted: [],
  fingerprints: [],
  orders: []
}

/** What of a value is JSON, field by field: all that an earlier rule can have seen of it. */
const sendable = (given: unknown): unknown =>
  Json.isPlainObject(given)
    ? Object.fromEntries(Object.entries(given).filter(([, value]) => Json.misfit(value) === undefined))
    : Json.misfit(given) === undefined
      ? given
      : undefined

/**
 * Which command it is, where a node of a release with an earlier rule sends it: as this rule says, and as that one
 * does.
 */
const identityHere = (
  { commands }: AnyDefinition,
  { command, commandId, fingerprint, id }: Pick<Ask, "command" | "commandId" | "fingerprint" | "id">,
  payload: unknown
) => commands.receive(command, id, payload, commandId, { formerFingerprint: fingerprint })

/** An answer on its way. */
type Sent = Effect.Effect.Success<(typeof AskRpc.successSchema.Type)["exit"]>

/** The command may have arrived or not: asked again. */
class Lost extends Schema.TaggedError<Lost>()("Lost", { cause: Schema.Defect }) {}

/** Whether a failure is the command's for good, whatever became of it before: the store was asked for its id. */
const isSettled = ({ _tag }: RuntimeError): boolean =>
  [
    "WrongExpectedVersion",
    "DecisionTimedOut",
    "CommandIdReused",
    "EntryDamaged",
    "InvalidArgument",
    "UnencodableEvent",
    "LimitExceeded",
    "UnreadableAnswer"
  ].includes(_tag)

const isShuttingDown = (cause: Cause.Cause<RuntimeError>): boolean =>
  Option.exists(Cause.failureOption(cause), (error) => error._tag === "ShuttingDown")

/**
 * Actors on all nodes of the cluster. When the layer's scope closes it takes no more commands and answers those it has
 * accepted, for `shutdownTimeout` at most.
 */
export const layer = (
  options: ClusterOptions = {}
): Layer.Layer<ActorSystem, never, EventStore | SnapshotStore | Sharding> =>
  Layer.scoped(ActorSystem, make(limitsOf(options)))
