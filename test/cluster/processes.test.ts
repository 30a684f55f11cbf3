/**
 * The suite of `ActorSystem` on three real processes: this one, which runs the cases, and two that were forked. Each
 * case has a cluster of the three, and its streams are wherever their shards are; it runs as it is, since what it puts
 * between an actor and its store, and what it decides, is called from there. What cannot be called from there is
 * declared.
 */
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import { Sharding } from "@effect/cluster/Sharding"
import {
  Clock,
  Context,
  Duration,
  Effect,
  Either,
  Exit,
  FiberRef,
  HashSet,
  Layer,
  Logger,
  Option,
  Schedule
} from "effect"
import { afterAll, assert, beforeAll, describe, inject, it } from "vitest"
import * as ActorSystemCluster from "../../src/cluster/ActorSystemCluster.ts"
import * as ClusterNode from "../../src/cluster/ClusterNode.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import { ActorSystem } from "../../src/core/ActorSystem.ts"
import type { AnyDefinition } from "../../src/core/Definition.ts"
import { type AppendRequest, EventStore } from "../../src/core/EventStore.ts"
import { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as StoreError from "../../src/core/StoreError.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { ActorSystemConformance } from "../../src/testing/Suites.ts"
import { SystemUnderTest } from "../../src/testing/SystemUnderTest.ts"
import { isLong, random } from "../Random.ts"
import { schema } from "../sql/Postgres.ts"
import { freePort, holders } from "./Nodes.ts"
import { type Answered, type Call, decode, encode, encodeLimits, peer, storeErrors } from "./peer.mjs"

/** Reasons why a case cannot look into, or change, what happens in another process. */
const clock = "it moves the clock of its own process"
const code = "it has evolve or reply throw, which are plain functions: another process has its own"
const limit = "it counts what one process may do, and here each of three may"
const together = "it counts on commands that arrive together, and from another process they come one after the other"
const store = "it puts another store in the place of the one that the processes share"
const lookUp = "an id that came from another process is looked up before its effect runs, and the store is down"
const fibers = "it looks into the fibers and the logger of its own process"
const declared: Readonly<Record<string, string>> = Object.fromEntries(
  [
    [
      clock,
      [
        "an append that never answers",
        "who loses to another writer",
        "limits of zero events",
        "a recovery that fails once",
        "a recovery that always fails",
        "a recovery that does not"
      ]
    ],
    [
      clock,
      [
        "recoveries that hang",
        "a cold start of many",
        "an idle actor leaves memory",
        "actors that are never idle",
        "a defect reaches its sender",
        "a decision that does not end"
      ]
    ],
    [clock, ["reading", "the time limit", "a wall clock that is set back", "what does not end"]],
    [limit, ["a read folds", "when every place is taken"]],
    [together, ["a batch is bounded", "the same command sent twice at once"]],
    [
      store,
      [
        "a stream that is shorter",
        "a stream that was cut and rewritten",
        "a snapshot that waits when its stream is cut"
      ]
    ],
    [lookUp, ["a decision that dies while the store is down"]],
    [code, ["an event that evolve throws on", "a decision that dies as an effect"]],
    [fibers, ["neither actors nor snapshots get", "a logger that throws", "a decision that interrupts itself"]]
  ].flatMap(([reason, names]) => (names as ReadonlyArray<string>).map((name) => [name, reason as string]))
)
const reasonOf = (name: string): string | undefined =>
  Object.entries(declared).find(([start]) => name.startsWith(start))?.[1]

const toStoreError = storeErrors(StoreError)

/** What a case has given one system, called by the processes that host its actors. */
interface Hooks {
  readonly store: EventStore["Type"]
  readonly snapshots: SnapshotStore["Type"]
  readonly definitions: Array<AnyDefinition>
}
const hooks = new Map<number, Hooks>()
/** Appends of other processes, by the requests as the case sees them. */
const remote = new WeakMap<ReadonlyArray<AppendRequest>, EventStore["Type"]["append"]>()
/** How often each process has appended. */
const appended = new Map<number, number>()

const run = <A>(effect: Effect.Effect<A, unknown>): Promise<Answered> => Effect.runPromiseExit(effect).then(encode)
const hooksOf = (system: number): Hooks => {
  const found = hooks.get(system)
  if (found === undefined) throw new Error(`system ${system} has been closed`)
  return found
}

interface Host {
  readonly child: ChildProcess
  readonly call: Call
}
const start = (): Host => {
  const child = fork(join(import.meta.dirname, "host.mjs"), [inject("dist")], {
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })
  const call: Call = peer(child, {
    store: (system: number, method: "readStream" | "head", args: ReadonlyArray<never>) =>
      run(
        Effect.suspend(
          () => hooksOf(system).store[method](...(args as [never, never])) as Effect.Effect<unknown, unknown>
        )
      ),
    snapshots: (system: number, method: keyof SnapshotStore["Type"], args: ReadonlyArray<never>) =>
      run(
        Effect.suspend(() => {
          const asked = hooksOf(system).snapshots[method] as (
            ...args: ReadonlyArray<never>
          ) => Effect.Effect<unknown, unknown>
          return Effect.map(asked(...args), (value) => (Option.isOption(value) ? Option.getOrNull(value) : value))
        })
      ),
    append: async (system: number, token: number, sent: ReadonlyArray<AppendRequest>) => {
      appended.set(child.pid ?? 0, (appended.get(child.pid ?? 0) ?? 0) + 1)
      const inner: Array<Exit.Exit<unknown, unknown>> = []
      remote.set(
        sent,
        () =>
          Effect.promise(() => call("reallyAppend", token)).pipe(
            Effect.flatMap((answer) => decode(answer, toStoreError)),
            Effect.onExit((exit) => Effect.sync(() => inner.push(exit)))
          ) as never
      )
      const exit = await Effect.runPromiseExit(Effect.suspend(() => hooksOf(system).store.append(sent)))
      const [real] = inner
      // Unless the case has put something in its place, it is what the other process knows best.
      return real !== undefined && isSame(real, exit) ? { same: true } : encode(exit)
    },
    decide: async (system: number, command: string, payload: unknown, state: unknown, context: unknown) => {
      const definition = hooksOf(system).definitions.at(-1)
      return run(
        Effect.suspend(() => {
          const decision = definition?.decide(command, payload, state, context as never)
          return Either.isEither(decision) ? decision : (decision as Effect.Effect<unknown, unknown>)
        })
      )
    }
  })
  return { child, call }
}

/** Whether the outcome is the very one that the store gave. */
const isSame = (one: Exit.Exit<unknown, unknown>, other: Exit.Exit<unknown, unknown>): boolean =>
  Exit.match(one, {
    onSuccess: (value) => Exit.isSuccess(other) && other.value === value,
    onFailure: () => Exit.isFailure(other) && JSON.stringify(encode(one)) === JSON.stringify(encode(other))
  })

/** The stores of a case, and their address for the other processes. */
class EventsUrl extends Context.Tag("test/cluster/EventsUrl")<EventsUrl, string>() {}
const stores = Layer.unwrapScoped(
  Effect.map(schema, (url) =>
    Layer.merge(
      Layer.succeed(EventsUrl, url),
      Layer.effect(
        EventStore,
        Effect.map(EventStore, (store) => ({
          ...store,
          append: (requests) => (remote.get(requests) ?? store.append)(requests)
        }))
      ).pipe(Layer.provideMerge(PostgresStore.layer({ url })))
    )
  )
)

const hosts: Array<Host> = []
let systems = 0

/** The nodes keep their leases by the true clock, in silence. */
const trueClock = Clock.make()
const undisturbed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.withClock(trueClock), Effect.locally(FiberRef.currentLoggers, HashSet.empty()), Effect.orDie)
const done = (answer: Promise<Answered>) =>
  Effect.flatMap(
    Effect.promise(() => answer),
    (each) => decode(each, toStoreError)
  )
const tellAll = (method: string, ...args: ReadonlyArray<unknown>) =>
  Effect.forEach(hosts, ({ call }) => done(call(method, ...args)), { concurrency: "unbounded", discard: true })

/** Outlasts each case, however busy the machine: no case is about a node that is lost. */
const lease = "10 minutes"

const build = Effect.fnUntraced(function* (url: string, limits: Partial<ActorConfig.ActorLimits>) {
  const system = ++systems
  const cluster = yield* undisturbed(schema)
  const definitions: Array<AnyDefinition> = []
  hooks.set(system, { store: yield* EventStore, snapshots: yield* SnapshotStore, definitions })
  const ports = yield* Effect.replicateEffect(freePort, hosts.length + 1)
  const own = ports[hosts.length] ?? 0
  const join = Effect.forEach(
    hosts,
    ({ call }, index) =>
      done(
        call("open", system, {
          cluster,
          url,
          lease,
          port: ports[index],
          limits: encodeLimits(limits, Duration.toMillis)
        })
      ),
    { concurrency: "unbounded", discard: true }
  )
  yield* Effect.addFinalizer(() => Effect.orDie(undisturbed(tellAll("close", system))))
  const node = Layer.build(ClusterNode.layer({ url: cluster, host: "127.0.0.1", port: own, lease }))
  const [services] = yield* undisturbed(Effect.all([node, join], { concurrency: "unbounded" }))
  const isSpread = (held: ReadonlyMap<string, number>) =>
    ports.every((port) => (held.get(`127.0.0.1:${port}`) ?? 0) > 40) &&
    [...held.values()].reduce((sum, count) => sum + count, 0) === 300
  yield* undisturbed(Effect.repeat(holders(cluster), { until: isSpread, schedule: Schedule.spaced("50 millis") }))
  const layer = ActorSystemCluster.layer({ attemptTimeout: "1 hour", deadline: "1 hour", maxWaiting: 1_000_000 }).pipe(
    Layer.provide(Layer.succeed(Sharding, Context.get(services, Sharding))),
    Layer.provide(ActorConfig.layer(limits))
  )
  const actors = Context.get(yield* Layer.build(layer), ActorSystem)
  return ActorSystem.of({
    ...actors,
    register: (definition) =>
      Effect.gen(function* () {
        yield* actors.register(definition)
        definitions.push(definition)
        yield* Effect.acquireRelease(Effect.orDie(tellAll("register", system)), () =>
          Effect.orDie(tellAll("unregister", system))
        )
      })
  })
})

const quiet = Logger.remove(Logger.defaultLogger)
const able = ActorSystemConformance.filter(({ name }) => reasonOf(name) === undefined)
/**
 * A cluster for each case takes seconds, so the short form has some of them, by the seed; never the 20,000 commands of
 * AC15, and the fifty clusters of SS12.
 */
const brief = able.filter(({ name }) => !/\((?:AC15|SS12)\)$/.test(name))
const next = random("three processes")
let ended = 0
const chosen = new Set(isLong ? able : Array.from({ length: 4 }, () => brief[Math.floor(next() * brief.length)]))

describe("ActorSystemCluster of three processes", () => {
  beforeAll(() => {
    hosts.push(start(), start())
  })
  afterAll(() => {
    for (const { child } of hosts) child.kill()
    // Else all of it was done by one process.
    if (ended === able.length) for (const { child } of hosts) assert.isAbove(appended.get(child.pid ?? 0) ?? 0, 0)
  })

  it("declares only cases that there are", () => {
    for (const start of Object.keys(declared)) {
      assert.isTrue(
        ActorSystemConformance.some(({ name }) => name.startsWith(start)),
        start
      )
    }
  })
  for (const each of ActorSystemConformance) {
    const reason = reasonOf(each.name)
    if (reason !== undefined) it.skip(`${each.name} (not on three processes: ${reason})`, () => {})
    else if (chosen.has(each)) {
      const run = Effect.gen(function* () {
        const url = yield* EventsUrl
        const system = {
          layer: (limits: Partial<ActorConfig.ActorLimits>) => Layer.scoped(ActorSystem, build(url, limits))
        }
        yield* Effect.provideService(each.run, SystemUnderTest, system)
        ended++
      }).pipe(Effect.provide(Layer.merge(stores, quiet)))
      // Each decision of 20,000 goes to another process and back.
      it(each.name, ({ signal }) => Effect.runPromise(run, { signal }), isLong ? 600_000 : 120_000)
    }
  }
})
