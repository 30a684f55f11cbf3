/**
 * The answers to requests about timers: which commands wait, and what an operator has them do, under the name of the
 * caller's token.
 */
import { Buffer } from "node:buffer"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Clock, Context, Effect, Option, Schema } from "effect"
import type { EventStore } from "../core/EventStore.ts"
import type * as Operation from "../core/Operation.ts"
import * as PendingTimers from "../projection/PendingTimers.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { Timer } from "../projection/Timer.ts"
import * as Timers from "../projection/Timers.ts"
import { defaultLimit } from "./ApiParts.ts"
import * as Cursor from "./Cursor.ts"
import * as Failures from "./Failures.ts"
import { LogHeader } from "./LogHeader.ts"
import { Problem } from "./Problem.ts"
import { operateAs } from "./ProjectionHandlers.ts"
import { ServiceApi } from "./ServiceApi.ts"
import type { TimerView } from "./TimersApi.ts"

/** Where a page ended. */
const Place = Schema.parseJson(Schema.Struct({ due: Schema.Int, key: Schema.String }))

const placeOf = (text: string) =>
  Effect.mapError(Schema.decode(Place)(Buffer.from(text, "base64url").toString()), () => new Problem("invalid-cursor"))

const timeOf = (millis: number): string => new Date(millis).toISOString()

const view = ({ due, key, scheduledAt, ...timer }: PendingTimers.Pending, now: number): typeof TimerView.Type => ({
  ...timer,
  key,
  due: timeOf(due),
  late: due <= now,
  scheduledAt: timeOf(scheduledAt),
  streamId: Timer.streamId(key)
})

type VerbError = Effect.Effect.Error<ReturnType<typeof Timers.operators.cancel>>

const problemOf = (error: VerbError) =>
  error._tag === "TimerNotPending"
    ? new Problem("nothing-to-do", { detail: error.message })
    : Failures.without(Failures.ofCommand, "version-mismatch")(error)

export const layer = HttpApiBuilder.group(ServiceApi, "timers", (handlers) =>
  Effect.gen(function* () {
    const log = yield* LogHeader
    const context = yield* Effect.context<EventStore | ProjectionStore>()
    // An application without timers has none.
    const timers = Context.getOption(context as Context.Context<unknown>, Timer)

    const operate = (
      payload: { readonly reason?: string | null },
      run: (by: Operation.By) => Effect.Effect<Operation.Done, VerbError, Timers.Timers | EventStore>
    ) =>
      Option.match(timers, {
        onNone: () => Effect.fail(new Problem("route-not-found")),
        onSome: (service) => {
          const known = Context.add(context, Timer, service)
          return operateAs(payload, (by) => Effect.provide(run(by), known), problemOf)
        }
      })

    return handlers
      .handle("list", ({ urlParams: { cursor, limit = defaultLimit } }) =>
        Effect.gen(function* () {
          const after = cursor === undefined ? null : yield* placeOf(yield* Cursor.open(log.logId(), cursor))
          const now = yield* Clock.currentTimeMillis
          // One more than is shown tells whether there is a next page.
          const found = yield* PendingTimers.list({ after, limit: limit + 1 })
          const { due, lateMillis, pending } = yield* PendingTimers.overview(now)
          const shown = found.slice(0, limit)
          const last = shown.at(-1)
          const place =
            found.length > limit && last !== undefined
              ? Buffer.from(JSON.stringify({ due: last.due, key: last.key })).toString("base64url")
              : null
          return {
            timers: shown.map((timer) => view(timer, now)),
            pending,
            due,
            lateSeconds: lateMillis / 1_000,
            nextCursor: place === null ? null : Cursor.sign(log.logId(), place)
          }
        }).pipe(
          Effect.provide(context),
          Effect.catchTag("StoreUnavailable", (error) => Effect.fail(Failures.storeUnavailable(error)))
        )
      )
      .handle("cancel", ({ path: { key }, payload }) => operate(payload, (by) => Timers.operators.cancel(key, by)))
      .handle("fire", ({ path: { key }, payload }) => operate(payload, (by) => Timers.operators.fire(key, by)))
  })
)
