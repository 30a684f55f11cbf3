/**
 * `Patience` ends waits at their deadline, even where what they wait for cannot be interrupted. A wait costs a fiber
 * and an entry in a list that is looked at now and then. A timeout of Effect costs three fibers and a timer, more than
 * everything else in a cold start or a read.
 */
import { Effect, type Fiber } from "effect"

interface Wait {
  readonly deadline: number
  readonly giveUp: () => void
}

export class Patience {
  private readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>
  private readonly waits = new Set<Wait>()

  constructor(fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>) {
    this.fork = fork
  }

  /** The effect's outcome, or the error once `look` was told a time from the deadline on. */
  until<A, E, X>(deadline: number, effect: Effect.Effect<A, E>, late: () => X): Effect.Effect<A, E | X> {
    return Effect.async((resume) => {
      const fiber = this.fork(effect)
      const stop = (): void => {
        this.waits.delete(wait)
        fiber.unsafeInterruptAsFork(fiber.id())
      }
      const wait: Wait = {
        deadline,
        giveUp: () => {
          stop()
          resume(Effect.fail(late()))
        }
      }
      this.waits.add(wait)
      fiber.addObserver((exit) => {
        this.waits.delete(wait)
        resume(exit)
      })
      return Effect.sync(stop)
    })
  }

  /** Gives up what has waited until now. */
  look(now: number): void {
    for (const { deadline, giveUp } of this.waits) if (now >= deadline) giveUp()
  }
}
