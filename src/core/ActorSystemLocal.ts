/**
 * The actor system of one process: a registry of actors by stream, which starts them when they are needed and lets them
 * go when they are idle, within the limits of `ActorConfig`.
 *
 * An actor leaves only while nothing waits for it, in one step without a pause, so no command is lost between two lives.
 */
import { Context, Deferred, Duration, Effect, Either, Fiber, Layer, LogLevel, Runtime, type Scope } from "effect"
import { Actor, type Host } from "./Actor.ts"
import { ActorConfig } from "./ActorConfig.ts"
import { MailboxFull, RecoveryFailed, type RuntimeError, ShuttingDown, TooManyActors } from "./ActorError.ts"
import * as ActorMetrics from "./ActorMetrics.ts"
import { ActorSystem, type Answer, type Ask } from "./ActorSystem.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import { detached } from "./Detached.ts"
import * as Elapsed from "./Elapsed.ts"
import { EventStore, outsideTransaction } from "./EventStore.ts"
import * as Fault from "./Fault.ts"
import { pendingOf } from "./Mailbox.ts"
import { Permits } from "./Permits.ts"
import * as Replay from "./Replay.ts"
import * as SnapshotSaver from "./SnapshotSaver.ts"
import { SnapshotStore } from "./SnapshotStore.ts"
import * as StoredText from "./StoredText.ts"
import { InvalidArgument } from "./StoreError.ts"
import { isStreamId, type StreamId } from "./StreamId.ts"

const make = Effect.gen(function* () {
  const store = yield* EventStore
  const snapshots = yield* SnapshotStore
  const limits = yield* ActorConfig
  const clock = yield* Effect.clock
  const saver = yield* SnapshotSaver.make(store, snapshots, limits)
  // As `detached`, for all fibers alike.
  const fork = Runtime.runFork(Runtime.updateContext(yield* Effect.runtime<never>(), () => Context.empty()))

  const definitions = new Map<string, AnyDefinition>()
  /** Names of aggregates whose layers were closed. */
  const closed = new Set<string>()
  const actors = new Map<StreamId, Actor>()
  /** Those with nothing to do, the one that is idle for longest first. */
  const idle = new Map<StreamId, Actor>()
  /** Those without a place yet, which hold commands already. */
  const queue: Array<Actor> = []
  let live = 0
  /** Commands accepted and not answered, of all actors. */
  let accepted = 0
  let stopping = false
  const drained = yield* Deferred.make<void>()

  const passivate = (actor: Actor): void => {
    idle.delete(actor.streamId)
    actors.delete(actor.streamId)
    live--
    ActorMetrics.passivated()
    actor.passivate()
  }
  const start = (actor: Actor): void => {
    live++
    // In the order of their start: the first has had its place for longest.
    actors.delete(actor.streamId)
    actors.set(actor.streamId, actor)
    actor.start()
  }
  const host: Host = {
    limits,
    store,
    snapshots,
    saver,
    recoveries: new Permits(limits.maxRecoveries),
    now: () => clock.unsafeCurrentTimeMillis(),
    elapsed: () => Elapsed.of(clock),
    fork: (effect) => fork(effect, { immediate: false }),
    becameIdle: (actor) => {
      idle.set(actor.streamId, actor)
      const next = queue.shift()
      if (next === undefined) return
      passivate(actor)
      start(next)
    },
    becameBusy: (actor) => {
      idle.delete(actor.streamId)
    },
    yieldPlace: (actor) => {
      const next = queue.shift()
      if (next === undefined) return false
      live--
      ActorMetrics.passivated()
      actor.passivate()
      queue.push(actor)
      start(next)
      return true
    },
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
  const find = (aggregate: string, id: string): Actor | RuntimeError => {
    if (stopping) return new ShuttingDown()
    const definition = definitions.get(aggregate)
    if (definition === undefined) {
      if (closed.has(aggregate)) return new ShuttingDown()
      throw new Error(`the aggregate ${aggregate} is not registered; provide its layer`)
    }
    const streamId = definition.streamId(id)
    const known = actors.get(streamId)
    if (known !== undefined) {
      if (known.definition === definition) return known
      // Of a layer that was closed: its state and its behaviour are not this one's, so they share no stream.
      if (!idle.has(streamId)) return new ShuttingDown()
      passivate(known)
    }
    if (!isStreamId(streamId)) return new InvalidArgument({ argument: "id", reason: "makes no stream id" })
    const actor = new Actor(host, definition, id, streamId)
    if (live >= limits.maxLiveActors) {
      const [oldest] = idle.values()
      if (oldest !== undefined) passivate(oldest)
      else if (queue.length < limits.maxWaitingActors) queue.push(actor)
      else return new TooManyActors({ streamId, limit: limits.maxLiveActors })
    }
    if (live < limits.maxLiveActors) start(actor)
    else actors.set(streamId, actor)
    return actor
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
      const wrong = StoredText.wrongIn(asked)
      if (wrong !== undefined) return resume(wrong)
      const actor = find(asked.aggregate, asked.id)
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

  const state = Effect.fnUntraced(function* (aggregate: string, id: string) {
    for (let isFirst = true; ; isFirst = false) {
      const { actor, committed } = yield* Effect.async<Read, RuntimeError>((resume) => {
        const actor = find(aggregate, id)
        if (!(actor instanceof Actor)) resume(actor)
        else actor.read((answer) => resume(Effect.map(answer, (committed) => ({ actor, committed }))))
      })
      const { definition, streamId } = actor
      const head = yield* store.head(streamId)
      if (head.version === committed.version && head.hash === committed.hash) return committed
      if (head.version > committed.version) {
        // Another process has written since; unless its events do not follow what was read.
        const found = yield* Effect.either(Replay.catchUp(store, definition, streamId, committed))
        if (Either.isRight(found)) {
          actor.advance(committed, found.right)
          return found.right
        }
        if (found.left._tag === "StoreUnavailable") return yield* found.left
      }
      // It is not the stream that was read, but such as that of a restored backup. What is there is loaded from the start: by
      // the actor, or where that is at work, for this answer alone; its append will meet the same.
      actor.advance(committed, undefined)
      if (isFirst) continue
      const loaded = yield* Effect.either(
        host.recoveries.within(Replay.recover(store, snapshots, definition, streamId))
      )
      if (Either.isRight(loaded)) return loaded.right.committed
      if (loaded.left._tag === "StoreUnavailable") return yield* loaded.left
      return yield* new RecoveryFailed({ streamId, cause: loaded.left })
    }
  })

  /** Once a second or oftener: what was idle for too long leaves, and what takes too long is given up. */
  const idleMillis = Duration.toMillis(limits.idleTimeout)
  const shortest = Math.min(
    idleMillis,
    Duration.toMillis(limits.appendTimeout),
    Duration.toMillis(limits.decideTimeout),
    Duration.toMillis(limits.recoveryTimeout)
  )
  const sweep = Effect.gen(function* () {
    const now = host.elapsed()
    for (const actor of idle.values()) {
      if (actor.idleSince > now - idleMillis) break
      passivate(actor)
    }
    // Those that are never idle would keep their places from those that wait.
    let wanted = queue.length
    if (wanted > 0) {
      for (const actor of actors.values()) {
        if (!actor.isLive) continue
        actor.mustYield = true
        if (--wanted === 0) break
      }
    }
    for (const one of host.watched) {
      const what = one.expire(now)
      if (what !== undefined) {
        const { streamId } = one
        yield* Fault.report(LogLevel.Error, `the actor gave up its ${what}: it did not end in time`, { streamId })
      }
    }
    ActorMetrics.load(live, accepted)
  })
  const period = Math.max(10, Math.min(1_000, shortest / 4))
  const survive = Effect.catchAllCause(sweep, (cause) =>
    Fault.report(LogLevel.Error, "actors were not looked after this time", {}, cause)
  )
  yield* Effect.forkScoped(detached(Effect.forever(Effect.delay(survive, period))))

  const stop = Effect.gen(function* () {
    stopping = true
    if (accepted > 0) {
      yield* Deferred.await(drained).pipe(
        Effect.timeout(limits.shutdownTimeout),
        Effect.catchAll(() => Fault.report(LogLevel.Warning, "stopped with commands unanswered", { accepted }))
      )
    }
    for (const actor of actors.values()) actor.abandon()
    yield* Effect.ignore(Effect.timeout(Effect.disconnect(saver.flush), flushTimeout))
  })
  // In a fiber of its own: a finalizer cannot be interrupted, so its time limits would wait for what they limit; and made
  // interruptible it would be over at once where an interruption, such as by a signal, is what closes the scope.
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

interface Read {
  readonly actor: Actor
  readonly committed: Committed<unknown>
}

/**
 * Actors in this process. When the layer's scope closes it takes no more commands and answers those it has accepted, for
 * `shutdownTimeout` at most.
 */
export const layer: Layer.Layer<ActorSystem, never, EventStore | SnapshotStore> = Layer.scoped(ActorSystem, make)
