/**
 * `Permits` lets a bounded number of effects run at once; the others wait in their order. Each release wakes one of
 * them; Effect's semaphore wakes all that wait, so that 10,000 actors that start together would cost it a hundred
 * million steps.
 */
import { Effect } from "effect"

export class Permits {
  private free: number
  /** The first to come first. */
  private readonly waiting = new Set<() => void>()
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
      Effect.flatMap(restore(this.take), () =>
        Effect.ensuring(
          restore(effect),
          Effect.sync(() => this.release())
        )
      )
    )
}
