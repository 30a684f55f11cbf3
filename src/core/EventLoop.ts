/**
 * `turn` lets everything else run: other fibers until they wait, and the event loop once. `Effect.yieldNow` gives way
 * to other fibers alone: thousands of such steps in a row leave sockets, timers and the writer unserved for as long as
 * they take.
 */
import { Effect } from "effect"
import { setImmediate } from "./Platform.ts"

export const turn: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})
