/**
 * The projection store in memory, beside whatever log it is given: its tables are in a SQLite database that is gone
 * with the process, so that `create` and `apply` run as they will. For tests and examples on `EventStoreMemory`.
 */
import { Context, Effect, Layer } from "effect"
import { EventStore, maxPage } from "../core/EventStore.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { HasLog } from "./ProjectionRows.ts"
import * as SqliteDatabase from "./SqliteDatabase.ts"
import * as SqlProjectionStore from "./SqlProjectionStore.ts"
import * as Writer from "./Writer.ts"

/** Counts in the log that it is given: the log of its own database is empty. */
const countEvents =
  (events: EventStore["Type"]): GenerationStore["Type"]["countEvents"] =>
  (after, to, most) =>
    events.readAll(after, Math.min(most, maxPage)).pipe(
      Effect.map((page) => {
        const within = page.events.filter(({ position }) => position <= to)
        const isAll = !page.more || within.length < page.events.length
        return { events: within.length, to: isAll ? to : (within.at(-1)?.position ?? to) }
      }),
      // A damaged event counts as one, and more may follow.
      Effect.catchTag("StreamDamaged", ({ position }) =>
        Effect.succeed(position === null || position > to ? { events: 0, to } : { events: 1, to: position })
      ),
      Effect.catchTag("InvalidArgument", Effect.die)
    )

const own = SqlProjectionStore.layer.pipe(
  Layer.provide(Layer.succeed(HasLog, false)),
  Layer.provide(Writer.layer({})),
  Layer.provide(SqliteDatabase.layer({ filename: ":memory:" })),
  // A database in memory is never found in a wrong state.
  Layer.orDie
)

export const layer: Layer.Layer<ProjectionStore, never, EventStore> = Layer.flatMap(own, (context) =>
  Layer.effectContext(
    Effect.map(EventStore, (events) => {
      const generations = Context.get(context, GenerationStore)
      return Context.add(context, GenerationStore, { ...generations, countEvents: countEvents(events) })
    })
  )
)
