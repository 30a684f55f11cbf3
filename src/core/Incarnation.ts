/**
 * `Incarnation` is an actor's life from one start to its end: it runs what takes its time, an append or an effect, and
 * goes on when that has its result. Once it has ended, nothing of what it began is heard any more: what a store answers
 * too late, or a fiber that will not stop, changes nothing for the incarnation that follows.
 *
 * Part of the room of `Actor.ts`, which begins one thing at a time and says what follows from it.
 */
import { Cause, Duration, type Effect, Exit, type Fiber } from "effect"
import type { Host, Watched } from "./ActorHost.ts"
import type { AppendError, AppendRequest, AppendResult, QueuePlace } from "./EventStore.ts"

/** Whose life it is: the actor. */
export interface Living extends Watched {
  /** A defect of this code or of the store stopped it: the actor logs that, ends it and begins another. */
  readonly crashed: (incarnation: Incarnation, cause: Cause.Cause<unknown>) => void
}

export class Incarnation {
  hasEnded = false
  private readonly host: Host
  private readonly of: Living
  /** What it does beside its turns, and gives up when it ends. */
  private fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  /** Where its append waits for its turn. */
  private place: QueuePlace | undefined
  /** Milliseconds of `Host.elapsed`: when the last append began. */
  private appendSince = 0

  constructor(host: Host, of: Living) {
    this.host = host
    this.of = of
  }

  /** Milliseconds since the append began. */
  get appendTime(): number {
    return this.host.elapsed() - this.appendSince
  }

  /** Whether its append takes longer than it may. */
  isOverdue(now: number): boolean {
    return now - this.appendSince >= Duration.toMillis(this.host.limits.appendTimeout)
  }

  end(): void {
    this.hasEnded = true
    this.place = undefined
    this.host.watched.delete(this.of)
    this.fiber?.unsafeInterruptAsFork(this.fiber.id())
    this.fiber = undefined
  }

  /** Does a step of the actor's work. A defect ends the incarnation: user code has handlers of its own. */
  step(step: () => void): void {
    if (this.hasEnded) return
    try {
      step()
    } catch (defect) {
      this.of.crashed(this, Cause.die(defect))
    }
  }

  /**
   * Runs an effect in a fiber, and then goes on. Not with a handler within the effect: user code that interrupts the
   * fiber it runs in would interrupt that too.
   */
  run(effect: Effect.Effect<void>, then: () => void): void {
    const fiber = this.host.fork(effect)
    this.fiber = fiber
    fiber.addObserver((exit) => {
      if (this.fiber === fiber) this.fiber = undefined
      if (Exit.isSuccess(exit)) this.step(then)
      else if (!this.hasEnded) this.of.crashed(this, exit.cause)
    })
  }

  /**
   * Asks the store to append, and goes on with its answer. The actor ends it when `isOverdue` says so.
   */
  append(request: AppendRequest, then: (answer: Exit.Exit<AppendResult, AppendError>) => void): void {
    this.appendSince = this.host.elapsed()
    this.host.watched.add(this.of)
    const place: QueuePlace = {}
    this.place = place
    const fiber = this.host.append([request], place, (answer) => {
      if (this.place !== place) return
      this.place = undefined
      this.fiber = undefined
      this.host.watched.delete(this.of)
      this.step(() => then(answer))
    })
    // A store may have answered by now.
    if (fiber !== undefined && this.place === place) this.fiber = fiber
  }

  /** Drops the append that waits for its turn, and gives whether that was in time: then nothing of it is written. */
  withdraw(): boolean {
    const { place } = this
    // Its answer, which comes at once, is not waited for any more.
    this.place = undefined
    return place?.leave?.() === true
  }
}
