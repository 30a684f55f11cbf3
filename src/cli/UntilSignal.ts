/** Which programs a signal ends in order, with exit code 0, as a server; any other verb it cuts off. */
import process from "node:process"
import { Effect } from "effect"

let endsInOrder = false

/** Says that from now on a signal is how this process ends. */
export const begin: Effect.Effect<void> = Effect.sync(() => {
  endsInOrder = true
  // A terminal that closes, or one who asks for files to be read again: neither is to end a service, as it would by
  // default.
  process.on("SIGHUP", () => {})
})

export const isBegun = (): boolean => endsInOrder
