/**
 * A node for tests of a deploy: `node greeting.mjs <dist> <database> <release> <node> <clients>`, where the release is `before` or `after` of the application
 * `Doors`. It lets people in, each once, and runs the reactions. It says `ready` once it does, and ends in order at a SIGTERM.
 */
import process from "node:process"
import { Deferred, Duration, Effect, Fiber, Layer, Logger, Schedule } from "effect"

const [dist, url, release, node, count] = process.argv.slice(2)
const load = (module) => import(`${dist}/${module}.js`)
const { Door, releases } = await load("apps/doors/Doors")
const ActorSystemLocal = await load("core/ActorSystemLocal")
const ProjectionConfig = await load("projection/ProjectionConfig")
const PostgresStore = await load("sql/PostgresStore")

const layer = releases[release].layer.pipe(
  Layer.provide(ActorSystemLocal.layer),
  Layer.provide(ProjectionConfig.layer({ pollInterval: Duration.millis(50) })),
  Layer.provide(PostgresStore.layer({ url }))
)

const program = Effect.gen(function* () {
  const stop = yield* Deferred.make()
  process.once("SIGTERM", () => Effect.runFork(Deferred.succeed(stop, undefined)))
  const doors = yield* Door
  const client = (number) =>
    Effect.gen(function* () {
      for (let entry = 0; !(yield* Deferred.isDone(stop)); entry++) {
        const who = `${node}-${number}-${entry}`
        // Doors of its own. What is not known to be done is asked again under its id.
        const enter = doors(`${node}-${entry % 5}`).Enter({ who }, { commandId: who })
        yield* Effect.retry(enter, Schedule.spaced("20 millis"))
      }
    })
  const clients = yield* Effect.forkAll(Array.from({ length: Number(count) }, (_, number) => client(number)))
  process.stdout.write("ready\n")
  yield* Fiber.join(clients)
})

await Effect.runPromise(program.pipe(Effect.provide(layer), Effect.provide(Logger.remove(Logger.defaultLogger))))
