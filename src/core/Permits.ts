/**
 * `Permits` lets a bounded number of effects run at once; the others wait in their order. Each release wakes one of
 * them. Effect's semaphore wakes all, so 10,000 actors that start together would cost it a hundred million steps. An
 * effect that takes long may be relieved of its place: it goes on, and the next one is let in.
 */
import { Effect } from "effect"
import * as Elapsed from "./Elapsed.ts"

/** One that was let in, with a place of its own until it ends or is relieved of it. */
interface Holder {
  /** By the clock that only goes forward, in milliseconds. */
  readonly since: number
  hasPlace: boolean
}

export class Permits {
  private free: number
  /** The first to come first. */
  private readonly waiting = new Set<() => void>()
  /** Those with a place, the first to come first. */
  private readonly holders = new Set<Holder>()
  private readonly take: Effect.Effect<void> = Effect.async((resume) => {
    const grant = () => resume(Effect.void)
    if (this.free > 0) {
      this.free--
      grant()
    } else this.waiting.add(grant)
    // One that is interrupted in the instant in which it was let in gives its place to the next.
    return Effect.sync(() => {
      if (!this.waiting.delete(grant)) this.release()
    })
  })

  constructor(permits: number) {
    this.free = permits
  }

  private leave(holder: Holder): void {
    if (!holder.hasPlace) return
    holder.hasPlace = false
    this.holders.delete(holder)
    this.release()
  }

  private release(): void {
    const [next] = this.waiting
    if (next === undefined) this.free++
    else {
      this.waiting.delete(next)
      next()
    }
  }

  /** The effect, once there is room for it. */
  readonly within = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.zipRight(restore(this.take), Elapsed.millis), (since) => {
        const holder: Holder = { since, hasPlace: true }
        this.holders.add(holder)
        return Effect.ensuring(
          restore(effect),
          Effect.sync(() => this.leave(holder))
        )
      })
    )

  /**
   * Where others wait, effects that were let in before this time give up their places to them, and go on without one.
   */
  relieve(before: number): void {
    for (const holder of this.holders) {
      if (this.waiting.size === 0 || holder.since >= before) return
      this.leave(holder)
    }
  }
}
