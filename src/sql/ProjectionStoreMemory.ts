/**
 * The projection store in memory, beside whatever log it is given: its tables are in a SQLite database that is gone with the
 * process, so that `create` and `apply` run as they will. For tests and examples on `EventStoreMemory`.
 */
import { Context, Effect, Layer, Option } from "effect"
import { EventStore, maxPage } from "../core/EventStore.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { ProjectionRow } from "../projection/Model.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import * as SqliteDatabase from "./SqliteDatabase.ts"
import * as SqlProjectionStore from "./SqlProjectionStore.ts"
import * as Writer from "./Writer.ts"

/** Of the log that it is given: that of its own database is empty. */
const countEvents =
  (events: EventStore["Type"]): GenerationStore["Type"]["countEvents"] =>
  (after, to, most) =>
    events.readAll(after, Math.min(most, maxPage)).pipe(
      Effect.map((page) => {
        const within = page.events.filter(({ position }) => position <= to)
        const isAll = !page.more || within.length < page.events.length
        return { events: within.length, to: isAll ? to : (within.at(-1)?.position ?? to) }
      }),
      // It is one event too, and more may stand behind it.
      Effect.catchTag("StreamDamaged", ({ position }) =>
        Effect.succeed(position === null || position > to ? { events: 0, to } : { events: 1, to: position })
      ),
      Effect.catchTag("InvalidArgument", Effect.die)
    )

/** A log that is gone with the process is not restored to an earlier end. */
const following = ({ live, shadow, ...row }: ProjectionRow): ProjectionRow => ({
  ...row,
  live: live === null ? null : { ...live, isAhead: false },
  shadow: shadow === null ? null : { ...shadow, isAhead: false }
})

const own = SqlProjectionStore.layer.pipe(
  Layer.provide(Writer.layer({})),
  Layer.provide(SqliteDatabase.layer({ filename: ":memory:" })),
  // A database in memory is never found in a wrong state.
  Layer.orDie
)

export const layer: Layer.Layer<ProjectionStore, never, EventStore> = Layer.flatMap(own, (context) =>
  Layer.effectContext(
    Effect.map(EventStore, (events) => {
      const generations = Context.get(context, GenerationStore)
      return Context.add(context, GenerationStore, {
        ...generations,
        find: (name) => Effect.map(generations.find(name), Option.map(following)),
        list: Effect.map(generations.list, (rows) => rows.map(following)),
        countEvents: countEvents(events)
      })
    })
  )
)
