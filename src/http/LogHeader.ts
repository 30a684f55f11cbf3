/**
 * `LogHeader` is what every reply says of the log that it speaks of: its id and its epoch. A client that keeps
 * positions compares it: under another id they mean nothing, and under a later epoch some of them may be gone.
 */
import { Context, Duration, Effect, Layer, Schedule } from "effect"
import { EventStore } from "../core/EventStore.ts"

export const name = "daybook-log"

/** How often to look whether the epoch was raised, by whichever process: no request waits for that. */
const lookInterval = Duration.seconds(1)

/** Which log it is, for the field `Daybook-Log` of each answer. */
export class LogHeader extends Context.Tag("daybook/http/LogHeader")<
  LogHeader,
  {
    /** `<log id>.<epoch>`, as last read. */
    readonly value: () => string
    readonly logId: () => string
  }
>() {}

/** Waits for the store once, when the server starts; later an outage leaves what was read before. */
export const layer: Layer.Layer<LogHeader, never, EventStore> = Layer.scoped(
  LogHeader,
  Effect.gen(function* () {
    const store = yield* EventStore
    const read = Effect.map(store.identity, ({ epoch, logId }) => `${logId}.${epoch}`)
    let value = yield* Effect.orDie(Effect.retry(read, Schedule.spaced(lookInterval)))
    const look = Effect.map(read, (now) => {
      value = now
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(Effect.ignore(look), lookInterval)))
    return { value: () => value, logId: () => value.slice(0, value.lastIndexOf(".")) }
  })
)
