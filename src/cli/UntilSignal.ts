/** Which programs a signal ends in order, with exit code 0, as a server; any other verb it cuts off. */
import { Effect } from "effect"

let endsInOrder = false

/** Says that from now on a signal is how this process ends. */
export const begin: Effect.Effect<void> = Effect.sync(() => {
  endsInOrder = true
})

export const isBegun = (): boolean => endsInOrder
