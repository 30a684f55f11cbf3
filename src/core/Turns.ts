/**
 * `Turns` lets the actors of a system do what they can without waiting, one after the other, as soon as the fibers that
 * run now have come to rest. So an actor finds everything that its callers ask at one time, and decides it in one
 * batch.
 *
 * - A turn is a call, not a fiber: the steps of a fiber would cost more than most decisions.
 * - However fast the store answers and however long decisions take, sockets and timers are served in between.
 */
import type { Scheduler } from "effect"
import { setImmediate } from "./Platform.ts"

export interface Turn {
  /** Throws nothing. */
  readonly takeTurn: () => void
}

/** Rounds of turns before the event loop has one: a store in memory answers within the same one. */
const mostRounds = 64

/**
 * Milliseconds of one round, or as long as its last turn takes: then the event loop has its own, and the rest follow.
 */
const mostMillis = 50

export class Turns {
  private readonly scheduler: Scheduler.Scheduler
  private ready: Array<Turn> = []
  private rounds = 0
  /** Whether a round is on, or is to come. */
  private isOn = false

  constructor(scheduler: Scheduler.Scheduler) {
    this.scheduler = scheduler
  }

  add(turn: Turn): void {
    this.ready.push(turn)
    if (!this.isOn) this.begin(++this.rounds % mostRounds === 0)
  }

  private begin(isLater: boolean): void {
    this.isOn = true
    if (isLater) setImmediate(this.round)
    else this.scheduler.scheduleTask(this.round, 0)
  }

  private readonly round = (): void => {
    const { ready } = this
    this.ready = []
    const until = performance.now() + mostMillis
    let taken = 0
    for (const turn of ready) {
      turn.takeTurn()
      taken++
      if (performance.now() >= until) break
    }
    // What is left keeps its place before what has come since.
    if (taken < ready.length) this.ready = [...ready.slice(taken), ...this.ready]
    this.isOn = false
    if (this.ready.length > 0) this.begin(taken < ready.length || ++this.rounds % mostRounds === 0)
  }
}
