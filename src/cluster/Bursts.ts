/**
 * `Bursts` lets a bounded number go on at once before the event loop turns, and the others wait in their order. Many
 * thousands of commands sent at once would keep a node from its sockets for longer than the cluster waits for a sign of
 * life, and it would take the connection for dead.
 */
import { setImmediate } from "node:timers"
import { Effect } from "effect"

export class Bursts {
  private begun = 0
  private readonly size: number
  /** The first to come first. */
  private readonly waiting = new Set<() => void>()

  constructor(size: number) {
    this.size = size
  }

  /** Goes on at once, or after as many turns as there are bursts before it. */
  readonly room: Effect.Effect<void> = Effect.async((resume) => {
    const goOn = () => resume(Effect.void)
    if (this.begun < this.size && this.waiting.size === 0) {
      this.begin()
      goOn()
      return Effect.void
    }
    this.waiting.add(goOn)
    return Effect.sync(() => this.waiting.delete(goOn))
  })

  private begin(): void {
    if (this.begun++ === 0) setImmediate(() => this.turn())
  }

  private turn(): void {
    this.begun = 0
    for (const goOn of this.waiting) {
      if (this.begun === this.size) return
      this.waiting.delete(goOn)
      this.begin()
      goOn()
    }
  }
}
