/**
 * The actor system of one process: the actors of all aggregates, each started when it is needed and let go when it is
 * idle (`Places.ts`), within the limits of `ActorConfig`.
 */
import {
  Context,
  Deferred,
  Duration,
  Effect,
  Either,
  Fiber,
  FiberRef,
  Layer,
  LogLevel,
  Runtime,
  type Scope
} from "effect"
import { Actor } from "./Actor.ts"
import { ActorConfig } from "./ActorConfig.ts"
import { MailboxFull, RecoveryFailed, type RuntimeError, ShuttingDown, TooManyActors } from "./ActorError.ts"
import type { Host } from "./ActorHost.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import { ActorSystem, type Answer, type Ask } from "./ActorSystem.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import { detached } from "./Detached.ts"
import * as Elapsed from "./Elapsed.ts"
import { EventStore, outsideTransaction } from "./EventStore.ts"
import * as FaultLog from "./FaultLog.ts"
import { Loading, NoAnswer } from "./Loading.ts"
import { pendingOf } from "./Mailbox.ts"
import { Patience } from "./Patience.ts"
import { Places } from "./Places.ts"
import { RecoveryQueue } from "./RecoveryQueue.ts"
import * as SnapshotQueue from "./SnapshotQueue.ts"
import { SnapshotStore } from "./SnapshotStore.ts"
import * as Statements from "./Statements.ts"
import * as StoredText from "./StoredText.ts"
import { InvalidArgument, StoreUnavailable } from "./StoreError.ts"
import { isStreamId } from "./StreamId.ts"
import { Turns } from "./Turns.ts"

const make = Effect.gen(function* () {
  const store = yield* EventStore
  const snapshots = yield* SnapshotStore
  const limits = yield* ActorConfig
  const clock = yield* Effect.clock
  const saver = yield* SnapshotQueue.make(store, snapshots, limits)
  // As `detached`, for all fibers alike.
  const fork = Runtime.runFork(Runtime.updateContext(yield* Effect.runtime<never>(), () => Context.empty()))

  const definitions = new Map<string, AnyDefinition>()
  /** Names of aggregates whose layers were closed. */
  const closed = new Set<string>()
  const places = new Places(limits)
  /** Commands accepted and not answered, of all actors. */
  let accepted = 0
  let stopping = false
  const drained = yield* Deferred.make<void>()

  const later: Host["fork"] = (effect) => fork(effect, { immediate: false })
  const append: Host["append"] = (requests, place, answered) => {
    const { direct } = store.append
    if (direct === undefined) {
      const fiber = later(Effect.suspend(() => store.append(requests, place)))
      fiber.addObserver(answered)
      return fiber
    }
    direct({ requests, place, now: host.now() }, answered)
    return undefined
  }
  const host: Host = {
    limits,
    store,
    snapshots,
    saver,
    recoveries: new RecoveryQueue(limits.maxRecoveries),
    patience: new Patience(later),
    now: () => clock.unsafeCurrentTimeMillis(),
    elapsed: () => Elapsed.of(clock),
    fork: later,
    append,
    turns: new Turns(yield* FiberRef.get(FiberRef.currentScheduler)),
    becameIdle: (actor) => places.becameIdle(actor),
    becameBusy: (actor) => places.becameBusy(actor),
    yieldPlace: (actor) => places.yieldPlace(actor),
    watched: new Set(),
    accepted: () => {
      accepted++
    },
    answered: () => {
      accepted--
      if (stopping && accepted === 0) Deferred.unsafeDone(drained, Effect.void)
    }
  }

  /** The actor of this id, started or waiting for a place; or why there is none. */
  const find = (aggregate: string, id: string, use: "command" | "read"): Actor | RuntimeError => {
    if (stopping) return new ShuttingDown()
    const definition = definitions.get(aggregate)
    if (definition === undefined) {
      if (closed.has(aggregate)) return new ShuttingDown()
      throw new Error(`the aggregate ${aggregate} is not registered; provide its layer`)
    }
    const streamId = definition.streamId(id)
    const known = places.get(streamId)
    const tooMany = () => new TooManyActors({ streamId, limit: limits.maxLiveActors })
    if (known?.definition === definition) {
      return use === "read" || !known.isGuest || places.promote(known) ? known : tooMany()
    }
    // An actor of a layer that was closed: its state and its behaviour are not this one's, so they share no stream.
    if (known !== undefined && !places.leave(known)) return new ShuttingDown()
    if (!isStreamId(streamId)) return new InvalidArgument({ argument: "id", reason: "makes no stream id" })
    const actor = new Actor(host, definition, id, streamId)
    actor.isGuest = use === "read"
    return places.admit(actor) ? actor : tooMany()
  }

  const register = (definition: AnyDefinition): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const { name } = definition
        if (definitions.has(name)) throw new Error(`the aggregate ${name} is registered twice`)
        for (const other of definitions.values()) {
          if (other.streamId("") !== definition.streamId("")) continue
          throw new Error(`the aggregates ${name} and ${other.name} would share their streams; rename one of them`)
        }
        definitions.set(name, definition)
        closed.delete(name)
      }),
      () =>
        Effect.sync(() => {
          definitions.delete(definition.name)
          closed.add(definition.name)
        })
    )

  const ask = (asked: Ask): Effect.Effect<Answer, RuntimeError> =>
    // An interruption ends the wait and nothing else: there is nothing to clean up.
    Effect.async((resume) => {
      // What no store takes is refused here, to its caller alone, and never gets into a batch.
      const wrong = StoredText.wrongIn(asked) ?? Statements.take(asked, store.takesStatements === true)
      if (wrong !== undefined) return resume(wrong)
      const actor = find(asked.aggregate, asked.id, "command")
      if (!(actor instanceof Actor)) {
        if (actor._tag === "TooManyActors") ActorMetrics.rejected()
        resume(actor)
      } else if (actor.accepted >= limits.mailboxCapacity) {
        ActorMetrics.rejected()
        resume(new MailboxFull({ streamId: actor.streamId, capacity: limits.mailboxCapacity }))
      } else {
        actor.offer(pendingOf(asked, resume))
      }
    })

  /** The actor and its state, once that is there. Until it ends, the read counts among the actor's. */
  const begin = (aggregate: string, id: string) =>
    Effect.async<Read, RuntimeError>((resume) => {
      const actor = find(aggregate, id, "read")
      if (!(actor instanceof Actor)) return resume(actor)
      const { streamId } = actor
      if (actor.reads >= limits.mailboxCapacity) {
        return resume(new MailboxFull({ streamId, capacity: limits.mailboxCapacity }))
      }
      actor.reads++
      let isOpen = true
      const close = () => {
        if (isOpen) actor.reads--
        isOpen = false
      }
      actor.read((answer) =>
        resume(
          Effect.mapBoth(answer, {
            onFailure: (error) => {
              close()
              return error
            },
            onSuccess: (committed) => ({ actor, committed, close })
          })
        )
      )
      return Effect.sync(close)
    })

  /** What the store answers, or that it did not answer in time. */
  const answered = <A, E>(question: Effect.Effect<A, E>): Effect.Effect<A, E | StoreUnavailable> =>
    host.patience.until(host.elapsed() + Duration.toMillis(limits.recoveryTimeout), question, () =>
      unavailable(new NoAnswer(limits))
    )

  /**
   * The state that another process has brought the stream to, in its turn and in time as a recovery; a fault of the
   * store fails.
   */
  const load = (actor: Actor, from?: Committed<unknown>) =>
    Effect.either(new Loading(host, actor.definition, actor.streamId, from).toEnd).pipe(
      Effect.filterOrFail(
        (loaded) =>
          Either.isRight(loaded) || !(loaded.left instanceof NoAnswer || loaded.left instanceof StoreUnavailable),
        (loaded) => Either.merge(loaded) as NoAnswer | StoreUnavailable
      ),
      Effect.mapError((error) => (error instanceof NoAnswer ? unavailable(error) : error))
    )

  /** The state as the store has it; undefined where the actor is to load it again. */
  const compare = Effect.fnUntraced(function* ({ actor, committed }: Read, isFirst: boolean) {
    const { streamId } = actor
    const head = yield* answered(store.head(streamId))
    if (head.version === committed.version && head.hash === committed.hash) return committed
    if (head.version > committed.version) {
      // Another process has written since; unless its events do not follow what was read.
      const found = yield* load(actor, committed)
      if (Either.isRight(found)) {
        actor.advance(committed, found.right.committed)
        return found.right.committed
      }
    }
    // It is another stream than the one that was read, for example that of a restored backup. It is loaded from the
    // start: by the actor, or while the actor is at work for this answer alone; its append will find the same.
    actor.advance(committed, undefined)
    if (isFirst) return undefined
    const loaded = yield* load(actor)
    return Either.isRight(loaded) ? loaded.right.committed : yield* new RecoveryFailed({ streamId, cause: loaded.left })
  })

  const state = Effect.fnUntraced(function* (aggregate: string, id: string) {
    for (let isFirst = true; ; isFirst = false) {
      const read = yield* begin(aggregate, id)
      const found = yield* Effect.ensuring(compare(read, isFirst), Effect.sync(read.close))
      if (found !== undefined) return found
    }
  })

  /** Once a second or more often: what was idle for too long leaves, and what takes too long is given up. */
  const idleMillis = Duration.toMillis(limits.idleTimeout)
  const shortest = Math.min(
    idleMillis,
    Duration.toMillis(limits.appendTimeout),
    Duration.toMillis(limits.decideTimeout),
    Duration.toMillis(limits.recoveryTimeout)
  )
  const sweep = Effect.gen(function* () {
    const now = host.elapsed()
    places.leaveIdle(now - idleMillis)
    places.claim()
    host.patience.look(now)
    for (const one of host.watched) {
      const what = one.expire(now)
      if (what !== undefined) {
        const { streamId } = one
        yield* FaultLog.report(LogLevel.Error, `the actor gave up its ${what}: it did not end in time`, { streamId })
      }
    }
    ActorMetrics.load(places.liveCount, accepted)
  })
  const period = Math.max(10, Math.min(1_000, shortest / 4))
  const survive = Effect.catchAllCause(sweep, (cause) =>
    FaultLog.report(LogLevel.Error, "actors were not looked after this time", {}, cause)
  )
  yield* Effect.forkScoped(detached(Effect.forever(Effect.delay(survive, period))))

  const stop = Effect.gen(function* () {
    stopping = true
    if (accepted > 0) {
      yield* Deferred.await(drained).pipe(
        Effect.timeout(limits.shutdownTimeout),
        Effect.catchAll(() => FaultLog.report(LogLevel.Warning, "stopped with commands unanswered", { accepted }))
      )
    }
    for (const actor of [...places.all]) actor.abandon()
    yield* Effect.ignore(Effect.timeout(Effect.disconnect(saver.flush), flushTimeout))
  })
  // In a fiber of its own: a finalizer cannot be interrupted, so its time limits would wait for what they limit; and
  // made interruptible it would be over at once where an interruption, such as by a signal, is what closes the scope.
  yield* Effect.addFinalizer(() => Effect.flatMap(Effect.forkDaemon(detached(Effect.interruptible(stop))), Fiber.await))

  return ActorSystem.of({
    register,
    ask: (asked) => outsideTransaction(store, ask(asked)),
    state: (aggregate, id) => outsideTransaction(store, state(aggregate, id)),
    store,
    snapshots
  })
})

/** For the snapshots that wait when the system stops; they are worth no more. */
const flushTimeout = Duration.seconds(1)

const unavailable = (cause: NoAnswer) => new StoreUnavailable({ operation: "read", cause })

interface Read {
  readonly actor: Actor
  readonly committed: Committed<unknown>
  readonly close: () => void
}

/**
 * Actors in this process. When the layer's scope closes it takes no more commands and answers those it has accepted,
 * for `shutdownTimeout` at most.
 */
export const layer: Layer.Layer<ActorSystem, never, EventStore | SnapshotStore> = Layer.scoped(ActorSystem, make)
