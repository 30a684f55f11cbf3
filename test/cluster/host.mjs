/**
 * A process that hosts actors of the conformance suite: `fork("host.mjs", [dist])`. It joins the clusters it is told
 * to, as often as it is told. Its actors are real ones on a real store; what a case puts between them and the store,
 * and what it has them decide, are functions of the process that runs the case, which it calls there.
 */
import { Duration, Effect, Either, Exit, Layer, Logger, ManagedRuntime, Option, Scope } from "effect"
import { decode, decodeLimits, encode, peer, storeErrors } from "./peer.mjs"

const [dist] = process.argv.slice(2)
const load = (module) => import(`${dist}/${module}.js`)
const ActorConfig = await load("core/ActorConfig")
const { ActorSystem } = await load("core/ActorSystem")
const { EventStore } = await load("core/EventStore")
const { SnapshotStore } = await load("core/SnapshotStore")
const toStoreError = storeErrors(await load("core/StoreError"))
const ActorSystemCluster = await load("cluster/ActorSystemCluster")
const ClusterNode = await load("cluster/ClusterNode")
const PostgresStore = await load("sql/PostgresStore")
const { conformanceDefinition } = await load("testing/actor/Counter")

const systems = new Map()
/** Appends that the case has not let through, and what became of those that it has. */
const appends = new Map()
let next = 0

const calling = (toError, method, ...args) =>
  Effect.flatMap(
    Effect.promise(() => call(method, ...args)),
    (answer) => decode(answer, toError)
  )

/**
 * The stores as the case sees them. Its own append is done here: functions make an answer, and know an earlier
 * fingerprint.
 */
const storesOf = (system, store) => {
  const ask = (method, ...args) => calling(toStoreError, "store", system, method, args)
  const events = EventStore.of({
    ...store,
    append: (requests) =>
      Effect.suspend(() => {
        const token = ++next
        const append = { store, requests, exit: undefined }
        appends.set(token, append)
        const sent = requests.map(({ commands, ...rest }) => ({
          ...rest,
          commands: commands.map(({ answer, recognizes, ...command }) => command)
        }))
        return Effect.promise(() => call("append", system, token, sent)).pipe(
          Effect.flatMap((answer) => ("same" in answer ? append.exit : decode(answer, toStoreError))),
          Effect.ensuring(Effect.sync(() => appends.delete(token)))
        )
      }),
    readStream: (streamId, options) => ask("readStream", streamId, options),
    head: (streamId) => ask("head", streamId)
  })
  const snapshots = SnapshotStore.of({
    load: (...args) => Effect.map(calling(toStoreError, "snapshots", system, "load", args), Option.fromNullable),
    save: (...args) => calling(toStoreError, "snapshots", system, "save", args),
    remove: (...args) => calling(toStoreError, "snapshots", system, "remove", args),
    readAll: (...args) => calling(toStoreError, "snapshots", system, "readAll", args)
  })
  return Layer.merge(Layer.succeed(EventStore, events), Layer.succeed(SnapshotStore, snapshots))
}

/** What the case decides, as an effect, whatever it is there. */
const definitionOf = (system) => ({
  ...conformanceDefinition,
  decide: (command, payload, state, context) =>
    calling(
      // The command's own error has its class again by its contract.
      (error) => {
        const kept = { text: JSON.stringify(error), version: 1 }
        return Either.getOrThrow(conformanceDefinition.commands.readAnswer(command, "refusal", kept))
      },
      "decide",
      system,
      command,
      payload,
      state,
      context
    )
})

const run = (effect) => Effect.runPromiseExit(effect).then(encode)

const call = peer(process, {
  open: (system, { cluster, lease, limits, port, url }) =>
    run(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const stores = yield* Layer.buildWithScope(PostgresStore.layer({ url }), scope)
        const store = yield* Effect.provide(EventStore, stores)
        const layer = ActorSystemCluster.layer({
          attemptTimeout: "1 hour",
          deadline: "1 hour",
          maxWaiting: 1_000_000
        }).pipe(
          Layer.provide(ClusterNode.layer({ url: cluster, host: "127.0.0.1", port, lease })),
          Layer.provide(storesOf(system, store)),
          Layer.provide(ActorConfig.layer(decodeLimits(limits, Duration.millis))),
          Layer.provide(Logger.remove(Logger.defaultLogger))
        )
        const runtime = ManagedRuntime.make(layer)
        yield* Effect.promise(() => runtime.runPromise(ActorSystem))
        systems.set(system, { runtime, scope, registered: [] })
      })
    ),
  register: (system) =>
    run(
      Effect.gen(function* () {
        const { registered, runtime } = systems.get(system)
        const scope = yield* Scope.make()
        const register = Effect.flatMap(ActorSystem, (actors) => actors.register(definitionOf(system)))
        yield* Effect.promise(() => runtime.runPromise(Effect.provideService(register, Scope.Scope, scope)))
        registered.push(scope)
      })
    ),
  unregister: (system) =>
    run(
      Effect.suspend(() =>
        Effect.forEach(systems.get(system)?.registered.splice(-1) ?? [], (scope) => Scope.close(scope, Exit.void))
      )
    ),
  close: (system) =>
    run(
      Effect.gen(function* () {
        const { runtime, scope } = systems.get(system) ?? {}
        // It never joined.
        if (runtime === undefined) return
        systems.delete(system)
        yield* runtime.disposeEffect
        yield* Scope.close(scope, Exit.void)
      })
    ),
  /** The case lets an append through, to the store itself. */
  reallyAppend: async (token) => {
    const append = appends.get(token)
    append.exit = await Effect.runPromiseExit(append.store.append(append.requests))
    return encode(append.exit)
  }
})
process.on("disconnect", () => process.exit())
