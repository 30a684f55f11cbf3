/** `TransferWaits` wakes the clients of this process whose transfers have ended. It carries no data and may miss an end. */
import { Context, type Duration, Effect, Layer, Queue } from "effect"

export class TransferWaits extends Context.Tag("daybook/account/TransferWaits")<
  TransferWaits,
  {
    /** Tells that the transfer has ended. */
    readonly ended: (transferId: string) => Effect.Effect<void>
    /** Runs a check now, each time the transfer ends, and at each interval, until it is true. */
    readonly until: <E>(
      transferId: string,
      interval: Duration.Duration,
      check: Effect.Effect<boolean, E>
    ) => Effect.Effect<void, E>
  }
>() {}

const make = Effect.sync(() => {
  const waiting = new Map<string, Set<Queue.Queue<void>>>()

  /** A place to be woken at. What is told while nobody looks there is kept, once. */
  const wakes = (transferId: string) =>
    Effect.acquireRelease(
      Effect.tap(Queue.sliding<void>(1), (own) => {
        waiting.set(transferId, (waiting.get(transferId) ?? new Set()).add(own))
      }),
      (own) =>
        Effect.sync(() => {
          const all = waiting.get(transferId)
          all?.delete(own)
          if (all?.size === 0) waiting.delete(transferId)
        })
    )

  return TransferWaits.of({
    ended: (transferId) =>
      Effect.suspend(() =>
        Effect.forEach(waiting.get(transferId) ?? [], (own) => own.offer(undefined), { discard: true })
      ),
    until: (transferId, interval, check) =>
      Effect.gen(function* () {
        const own = yield* wakes(transferId)
        while (!(yield* check)) yield* Effect.timeoutOption(Queue.take(own), interval)
      }).pipe(Effect.scoped)
  })
})

export const layer: Layer.Layer<TransferWaits> = Layer.effect(TransferWaits, make)
