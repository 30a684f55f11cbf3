/**
 * `RecoveryQueue` lets recoveries read, one page after the other. It bounds what they take from everything else:
 *
 * - at most a number of pages are read at once, so that the bytes in flight are bounded whatever recovers;
 * - the first pages of a recovery come before those of long ones, so a short one does not wait for the long ones; but
 *   while long ones wait, every fourth page is theirs, each in its turn, so that all of them make progress;
 * - in one turn of the event loop pages are begun for a few milliseconds only: with a store that answers without a
 *   pause, commands of running actors would otherwise wait until all recoveries are done.
 */
import { Effect } from "effect"
import { setImmediate } from "./Platform.ts"

/**
 * Milliseconds in one turn of the event loop in which pages are begun, and the most of them: small ones leave much
 * behind.
 */
const slice = 5
const mostInTurn = 64
/** Pages of a recovery that count as its first. */
const firstPages = 2
/** First pages in a row while a long recovery waits. */
const mostFirst = 3

type Grant = () => void

export class RecoveryQueue {
  private free: number
  /** The first to come first. */
  private readonly first = new Set<Grant>()
  private readonly later = new Set<Grant>()
  private firstInRow = 0
  /** When this turn of the event loop began, as far as it is known, and the pages begun in it. */
  private began = 0
  private begun = 0
  /**
   * Whether the last page of this turn has not ended: a store that answers later lets the next one begin in the next
   * turn.
   */
  private isReading = false
  /** Whether the next turn is waited for. */
  private isArmed = false

  constructor(pages: number) {
    this.free = pages
  }

  /** The reading of a recovery's page, once it is its turn. `pages`: how many it has read before. */
  readonly within = <A, E, R>(pages: number, page: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(this.take(pages < firstPages ? this.first : this.later)), () =>
        Effect.ensuring(
          restore(page),
          Effect.sync(() => this.release())
        )
      )
    )

  private take(queue: Set<Grant>): Effect.Effect<void> {
    return Effect.async((resume) => {
      const grant = () => resume(Effect.void)
      queue.add(grant)
      this.pump()
      // One that is interrupted in the instant in which it was let in gives its place to the next.
      return Effect.sync(() => {
        if (!queue.delete(grant)) this.release()
      })
    })
  }

  private release(): void {
    this.free++
    this.isReading = false
    this.pump()
  }

  private next(): Grant | undefined {
    const isLater = this.later.size > 0 && (this.first.size === 0 || this.firstInRow >= mostFirst)
    const queue = isLater ? this.later : this.first
    for (const grant of queue) {
      queue.delete(grant)
      this.firstInRow = isLater ? 0 : this.firstInRow + 1
      return grant
    }
    return undefined
  }

  private get isOver(): boolean {
    return this.isReading || this.begun >= mostInTurn || performance.now() - this.began >= slice
  }

  /** Lets in those that may begin in this turn of the event loop, and comes back in the next one. */
  private pump(): void {
    if (this.free === 0 || (this.isArmed && this.isOver)) return
    const grant = this.next()
    if (grant === undefined) return
    if (!this.isArmed) {
      this.began = performance.now()
      this.begun = 0
      this.isArmed = true
      setImmediate(() => {
        this.isArmed = false
        this.isReading = false
        this.pump()
      })
    }
    this.free--
    this.begun++
    this.isReading = true
    grant()
  }
}
