/** `Lifecycle` tells the parts of the server that it stops: no new requests, and no stream that would never end. */
import { Context, Deferred, Effect, Layer } from "effect"

/** Whether the server is stopping, and what makes it stop. */
export class Lifecycle extends Context.Tag("daybook/http/Lifecycle")<
  Lifecycle,
  {
    /** Done when the server begins to stop. */
    readonly stopping: Deferred.Deferred<void>
    readonly isStopping: () => boolean
    readonly stop: Effect.Effect<void>
  }
>() {}

export const layer: Layer.Layer<Lifecycle> = Layer.effect(
  Lifecycle,
  Effect.map(Deferred.make<void>(), (stopping) => {
    let stopped = false
    return {
      stopping,
      isStopping: () => stopped,
      stop: Effect.suspend(() => {
        stopped = true
        return Deferred.succeed(stopping, undefined)
      })
    }
  })
)
