/** Figures of the timers of an application: how many wait, and how late they are. Where it has none, there are none. */
import { Clock, Effect } from "effect"
import * as Reading from "../core/Reading.ts"
import * as PendingTimers from "../projection/PendingTimers.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"

export const source = Effect.map(
  Effect.context<ProjectionStore>(),
  (context): Reading.Source =>
    Effect.gen(function* () {
      if (!(yield* PendingTimers.isThere)) return []
      const { due, lateMillis, pending } = yield* PendingTimers.overview(yield* Clock.currentTimeMillis)
      return [
        Reading.gauge("daybook.timers.pending", null, "Commands that wait for their time", pending),
        Reading.gauge("daybook.timers.due", null, "Those of them whose time has passed, and that have not fired", due),
        Reading.gauge(
          "daybook.timers.late.duration",
          "s",
          "Seconds since the first of them should have fired",
          lateMillis / 1_000
        )
      ]
    }).pipe(Effect.provide(context))
)
