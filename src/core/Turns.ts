/**
 * `Turns` has the actors of a system do what they can without waiting, one after the other, as soon as the fibers that run now
 * have come to rest: so an actor finds all that its callers ask at one time, and decides it in one batch.
 *
 * - A turn is a call, not a fiber: the steps of a fiber would cost more than most decisions.
 * - However fast the store answers, sockets and timers are served in between.
 */
import type { Scheduler } from "effect"
import { setImmediate } from "./Platform.ts"

export interface Turn {
  /** Throws nothing. */
  readonly takeTurn: () => void
}

/** Rounds of turns before the event loop has one: a store in memory answers within the same one. */
const mostRounds = 64

export class Turns {
  private readonly scheduler: Scheduler.Scheduler
  private ready: Array<Turn> = []
  private rounds = 0

  constructor(scheduler: Scheduler.Scheduler) {
    this.scheduler = scheduler
  }

  add(turn: Turn): void {
    if (this.ready.push(turn) > 1) return
    if (++this.rounds % mostRounds === 0) setImmediate(this.round)
    else this.scheduler.scheduleTask(this.round, 0)
  }

  private readonly round = (): void => {
    const { ready } = this
    this.ready = []
    for (const turn of ready) turn.takeTurn()
  }
}
