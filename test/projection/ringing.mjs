/**
 * A process for tests that kill it: `node ringing.mjs <dist> <database> <clock>`, where the database is a file or an
 * address. It runs the timers of the application `Belfry` by a clock that is a number of milliseconds off, and says
 * `ready` once it does.
 */
import { Duration, Effect, Layer, Logger } from "effect"

const [dist, database, offset] = process.argv.slice(2)
const load = (module) => import(`${dist}/${module}.js`)
const { belfry } = await load("apps/belfry/Belfry")
const ActorSystemLocal = await load("core/ActorSystemLocal")
const ProjectionConfig = await load("projection/ProjectionConfig")
const ProjectionsLocal = await load("projection/ProjectionsLocal")
const PostgresStore = await load("sql/PostgresStore")
const SqliteStore = await load("sql/SqliteStore")

const layer = Layer.merge(belfry.layer, ProjectionsLocal.layer(belfry.projections, belfry.reactions)).pipe(
  Layer.provide(ActorSystemLocal.layer),
  Layer.provide(ProjectionConfig.layer({ pollInterval: Duration.millis(20) })),
  Layer.provide(
    database.startsWith("postgres:")
      ? PostgresStore.layer({ url: database })
      : SqliteStore.layer({ filename: database })
  )
)

const program = Effect.scoped(
  Effect.zipRight(
    Layer.build(layer),
    Effect.zipRight(
      Effect.sync(() => process.stdout.write("ready\n")),
      Effect.never
    )
  )
)

await Effect.runPromise(
  Effect.clockWith((inner) => {
    const unsafeCurrentTimeMillis = () => inner.unsafeCurrentTimeMillis() + Number(offset)
    const clock = Object.assign(Object.create(inner), {
      unsafeCurrentTimeMillis,
      currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis)
    })
    return Effect.withClock(program, clock)
  }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
)
