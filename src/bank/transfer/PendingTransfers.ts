/**
 * `PendingTransfers` is what a process remembers of transfers while they are under way: which clients to wake at their
 * end, and for how long they have waited by a clock that is never set. It may be lost, and may miss an end.
 */
import { Context, type Duration, Effect, Layer, Queue } from "effect"
import * as Elapsed from "../../core/Elapsed.ts"

/** Transfers whose wait is remembered. Those that another process ends are forgotten only when there is no room. */
const maxRemembered = 10_000

/** How long this process has waited for each transfer, and who waits for its end. */
export class PendingTransfers extends Context.Tag("daybook/account/PendingTransfers")<
  PendingTransfers,
  {
    /** Milliseconds since this was first asked of the transfer, by a clock that only goes forward. */
    readonly waited: (transferId: string) => Effect.Effect<number>
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
  const firstAsked = new Map<string, number>()

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

  return PendingTransfers.of({
    waited: (transferId) =>
      Effect.map(Elapsed.millis, (now) => {
        const first = firstAsked.get(transferId)
        if (first !== undefined) return now - first
        if (firstAsked.size === maxRemembered) for (const [oldest] of firstAsked) if (firstAsked.delete(oldest)) break
        firstAsked.set(transferId, now)
        return 0
      }),
    ended: (transferId) =>
      Effect.suspend(() => {
        firstAsked.delete(transferId)
        return Effect.forEach(waiting.get(transferId) ?? [], (own) => own.offer(undefined), { discard: true })
      }),
    until: (transferId, interval, check) =>
      Effect.gen(function* () {
        const own = yield* wakes(transferId)
        while (!(yield* check)) yield* Effect.timeoutOption(Queue.take(own), interval)
      }).pipe(Effect.scoped)
  })
})

export const layer: Layer.Layer<PendingTransfers> = Layer.effect(PendingTransfers, make)
