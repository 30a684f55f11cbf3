/**
 * `Projections` over a `ProjectionStore`: with the runners of this process (`layer`), or only to look and to ask
 * (`layerObserver`), for a tool beside a process that runs them.
 */
import { hash } from "node:crypto"
import process from "node:process"
import { Clock, Deferred, Duration, Effect, FiberId, Layer, Option, Queue } from "effect"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore, type LookupError, maxPage } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as Batch from "./Batch.ts"
import { CheckpointStore } from "./CheckpointStore.ts"
import { ExclusionStore } from "./ExclusionStore.ts"
import { GenerationStore } from "./GenerationStore.ts"
import * as Lag from "./Lag.ts"
import * as Lease from "./Lease.ts"
import { LeaseStore } from "./LeaseStore.ts"
import type { Model, ProjectionRow } from "./Model.ts"
import * as Operators from "./Operators.ts"
import type { Any } from "./Projection.ts"
import { ProjectionConfig } from "./ProjectionConfig.ts"
import { NotRemovable, RebuildHalted, UnknownProjection, ViewBehind } from "./ProjectionError.ts"
import * as ProjectionRunner from "./ProjectionRunner.ts"
import type { ProjectionStore } from "./ProjectionStore.ts"
import { Projections } from "./Projections.ts"
import type * as Reaction from "./Reaction.ts"
import { ReadModels } from "./ReadModels.ts"
import * as Status from "./Status.ts"
import * as TableNames from "./TableNames.ts"

/** How often a waiter looks for the moves of another process. */
const lookInterval = Duration.millis(100)

/** How much longer a batch takes with its transaction than to be read and decoded alone: the estimate of a dry run. */
const applyFactor = 2

const make = Effect.fnUntraced(function* (
  projections: ReadonlyArray<Any>,
  reactions: ReadonlyArray<Reaction.Any>,
  runs: boolean
) {
  const events = yield* EventStore
  const checkpoints = yield* CheckpointStore
  const exclusions = yield* ExclusionStore
  const generations = yield* GenerationStore
  const leases = yield* LeaseStore
  const models = yield* ReadModels
  const limits = yield* ProjectionConfig
  const lag = yield* Lag.make
  const declared = new Map(projections.map((projection) => [projection.name, projection]))
  // The views that queries use.
  const tables = projections.flatMap(({ name, tables }) => [...tables, TableNames.checkpointOf(name)])
  if (declared.size < projections.length || new Set(tables).size < tables.length) {
    return yield* Effect.dieMessage("two projections have one name, or one table; give each its own")
  }

  for (const { selection } of projections) selection.check()

  /** Completed and replaced whenever a model of this process moves. */
  let moved = Deferred.unsafeMake<void>(FiberId.none)
  const tellMoved = Effect.suspend(() => {
    const told = moved
    moved = Deferred.unsafeMake<void>(FiberId.none)
    return Deferred.succeed(told, undefined)
  })
  const wakes = new Map<string, Queue.Queue<void>>()
  const wake = (name: string) => Effect.suspend(() => wakes.get(name)?.offer(undefined) ?? Effect.succeed(false))

  const rowOf = (name: string) =>
    Effect.flatMap(
      generations.find(name),
      Option.match({
        onSome: Effect.succeed,
        onNone: () =>
          declared.has(name)
            ? Effect.succeed<ProjectionRow>({
                name,
                kind: "projection",
                live: null,
                shadow: null,
                build: null,
                formers: [],
                retired: 0,
                rebuildRequested: false,
                paused: false
              })
            : Effect.flatMap(
                generations.list,
                (rows) =>
                  new UnknownProjection({
                    projection: name,
                    known: [...new Set([...declared.keys(), ...rows.map((row) => row.name)])].sort()
                  })
              )
      })
    )

  /**
   * The model that answers queries of this program: the one that serves, or beside a newer release the one of its own version.
   * Null where neither is there.
   */
  const answering = ({ formers, kind, live, name }: ProjectionRow): Model | null => {
    const version = declared.get(name)?.version
    if (kind === "reaction" || live?.version === version) return live
    return formers.find((former) => former.version === version) ?? null
  }

  /** The row as this program sees it: while its own model answers, that of a newer release does not concern it. */
  const seenFrom = (row: ProjectionRow): ProjectionRow => {
    const own = answering(row)
    return own === null || own === row.live ? row : { ...row, live: own, shadow: null, build: null }
  }

  /** Whether a process of the newer release is at work whose model is there; undefined where none is. */
  const isNewerRun = ({ live, name, shadow }: ProjectionRow) =>
    Effect.gen(function* () {
      const known = declared.get(name)?.version ?? Number.POSITIVE_INFINITY
      const newer = [live, shadow].flatMap((model) => (model !== null && model.version > known ? [model.version] : []))
      if (newer.length === 0) return undefined
      return yield* Effect.exists(newer, (version) => leases.isHeld(Lease.nameOf(name, version)))
    })

  /** The next event that can be read: the time of a damaged one cannot be told. */
  const oldestAfter = (position: number): Effect.Effect<StoredEvent | undefined, LookupError> =>
    events.readAll(position, 1).pipe(
      Effect.map((page) => page.events[0]),
      Effect.catchTag("StreamDamaged", (damaged) =>
        damaged.position === null ? Effect.succeed(undefined) : oldestAfter(damaged.position)
      )
    )

  const toStatus = Effect.fnUntraced(
    function* (found: ProjectionRow) {
      const row = seenFrom(found)
      const { live, name, shadow } = row
      const target = yield* events.lastPosition
      const oldest = yield* oldestAfter(live?.position ?? 0)
      return Status.of(row, {
        target,
        lagEvents: yield* lag.between(name, live?.position ?? 0, target),
        lagMillis: oldest === undefined ? 0 : Math.max((yield* Clock.currentTimeMillis) - oldest.recordedAt, 0),
        letters: live === null ? [] : yield* checkpoints.deadLetters(live),
        lettersOfShadow: shadow === null ? [] : yield* checkpoints.deadLetters(shadow),
        skipped: yield* exclusions.skips(name),
        abandoned: yield* exclusions.abandonments(name),
        known: declared.get(name)?.version,
        isNewerRun: yield* isNewerRun(row)
      })
    },
    Effect.catchTag("InvalidArgument", Effect.die)
  )

  /** How many events the log has, counted from where a model knows their number. */
  const eventsUpTo = Effect.fnUntraced(function* ({ live }: ProjectionRow, target: number) {
    const start = live === null || live.isAhead ? { events: 0, position: 0 } : live
    let { events: total, position } = start
    while (position < target) {
      const page = yield* generations.countEvents(position, target, Lag.countPage)
      total += page.events
      position = page.to
      yield* EventLoop.turn
    }
    return total
  })

  /** Runs it now, and again after each move, until it gives a value. */
  const until = <A, E>(check: Effect.Effect<Option.Option<A>, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const next = moved
      return Effect.flatMap(
        check,
        Option.match({
          onSome: Effect.succeed,
          onNone: () => Effect.zipRight(Effect.timeoutOption(Deferred.await(next), lookInterval), until(check))
        })
      )
    })

  /** Reads one page as the projection would, to see how long the log will take. */
  const estimate = Effect.fnUntraced(function* (projection: Any, total: number) {
    const start = yield* Clock.currentTimeNanos
    const page = yield* events.readAll(0, maxPage).pipe(
      Effect.catchTag("StreamDamaged", () => Effect.succeed({ events: [], more: false })),
      Effect.catchTag("InvalidArgument", Effect.die)
    )
    const { passed } = Batch.make(projection, 0, page.events, { streams: new Set(), positions: new Set() })
    const seconds = Number((yield* Clock.currentTimeNanos) - start) / 1e9
    return passed === 0 ? null : ((seconds * applyFactor) / passed) * total
  })

  if (runs) {
    for (const projection of projections) {
      const { name, version } = projection
      const own = yield* Queue.sliding<void>(1)
      wakes.set(name, own)
      const run = Effect.scoped(ProjectionRunner.run(projection, own, tellMoved))
      yield* Effect.forkScoped(Lease.whileHeld(Lease.nameOf(name, version), run))
    }
    const owner = hash("sha256", `${process.pid} ${yield* Clock.currentTimeNanos}`).slice(0, 16)
    yield* Effect.ignore(leases.beat(owner)).pipe(
      Effect.zipRight(Effect.sleep(limits.heartbeat)),
      Effect.forever,
      Effect.forkScoped
    )
    yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(leases.leave(owner), "1 second")))
  }

  return Projections.of({
    list: Effect.gen(function* () {
      const rows = yield* generations.list
      const missing = [...declared.keys()].filter((name) => rows.every((row) => row.name !== name))
      const all = [...rows, ...(yield* Effect.forEach(missing, rowOf))]
      return yield* Effect.forEach(
        all.sort((left, right) => (left.name < right.name ? -1 : 1)),
        toStatus
      )
    }).pipe(Effect.catchTag("UnknownProjection", Effect.die)),
    status: (name) => Effect.flatMap(rowOf(name), toStatus),
    requestRebuild: (name, { dryRun = false } = {}) =>
      Effect.gen(function* () {
        const projection = declared.get(name)
        const row = yield* rowOf(name)
        if (projection === undefined)
          return yield* new UnknownProjection({ projection: name, known: [...declared.keys()] })
        const total = yield* eventsUpTo(row, yield* events.lastPosition)
        const estimatedSeconds = yield* estimate(projection, total)
        if (!dryRun) {
          yield* generations.register(name, "projection")
          yield* generations.requestRebuild(name)
          yield* wake(name)
        }
        const alreadyRequested = row.rebuildRequested || row.shadow !== null
        return { name, events: total, estimatedSeconds, alreadyRequested, dryRun }
      }).pipe(Effect.catchTag("InvalidArgument", Effect.die)),
    awaitRebuilt: (name) =>
      until(
        Effect.flatMap(rowOf(name), ({ build, live, rebuildRequested, shadow }) => {
          if (build?.halted === true) {
            return Effect.fail(
              new RebuildHalted({ projection: name, streamId: null, version: null, reason: build.error })
            )
          }
          const failure = shadow?.failure
          if (failure?.halted === true) {
            const { error: reason, streamId, version } = failure
            return Effect.fail(new RebuildHalted({ projection: name, streamId, version, reason }))
          }
          const isDone = live !== null && shadow === null && !rebuildRequested
          return Effect.succeed(isDone ? Option.some<void>(undefined) : Option.none())
        })
      ),
    ...(yield* Operators.make({ reactions, rowOf, wake })),
    remove: (name) =>
      Effect.gen(function* () {
        const { kind } = yield* rowOf(name)
        if (declared.has(name) || kind === "reaction") return yield* new NotRemovable({ projection: name, kind })
        yield* generations.remove(name)
      }),
    awaitPosition: (name, minPosition, timeout = "2 seconds") =>
      Effect.suspend(() => {
        let position: number | null = null
        let newer: number | null = null
        const check = Effect.flatMap(rowOf(name), (row) => {
          const { live } = row
          const own = answering(row)
          const { isAhead = false, position: at = 0 } = own ?? live ?? {}
          if (isAhead) return new ViewBehind({ projection: name, position: at, minPosition, isAhead })
          models.show(name, own === live ? null : own)
          position = own?.position ?? null
          newer =
            own === null && live !== null && live.version > (declared.get(name)?.version ?? 0) ? live.version : null
          if (position !== null && position >= minPosition) return Effect.succeed(Option.some(position))
          // It may rest, where nothing of late concerned it.
          return Effect.as(wake(name), Option.none<number>())
        })
        return Effect.timeoutFail(until(check), {
          duration: timeout,
          onTimeout: () => new ViewBehind({ projection: name, position, minPosition, newer })
        })
      })
  })
})

/** Runs the projections while its scope is open. The reactions are those that operators may ask about: their own layers run them. */
export const layer = (
  projections: ReadonlyArray<Any>,
  reactions: ReadonlyArray<Reaction.Any> = []
): Layer.Layer<Projections, never, EventStore | ProjectionStore> =>
  Layer.scoped(Projections, make(projections, reactions, true))

/** Only looks and asks. */
export const layerObserver = (
  projections: ReadonlyArray<Any>,
  reactions: ReadonlyArray<Reaction.Any> = []
): Layer.Layer<Projections, never, EventStore | ProjectionStore> =>
  Layer.scoped(Projections, make(projections, reactions, false))
