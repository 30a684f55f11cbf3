/**
 * `Backoff` is how long to wait before something that failed is tried again: doubled for each failure in a row up to a
 * cap, and jittered by 20 % so that those that failed together come back one by one. Every retry of this package takes
 * its delays from here.
 *
 * M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
import { Duration, Effect, Random, Schedule } from "effect"

/** In milliseconds. */
export interface Policy {
  /** Before the first retry. */
  readonly least: number
  /** No wait is longer, apart from its jitter. */
  readonly most: number
  /** How much longer each wait is than the one before. Default 2. */
  readonly factor?: number
}

/** The policy of limits that name it `minBackoff` and `maxBackoff`. */
export const policyOf = ({
  maxBackoff,
  minBackoff
}: {
  readonly minBackoff: Duration.Duration
  readonly maxBackoff: Duration.Duration
}): Policy => ({ least: Duration.toMillis(minBackoff), most: Duration.toMillis(maxBackoff) })

/** Each wait is this much longer or shorter at most, as a part of itself. */
const jitter = 0.2

/** Beyond any cap, and below where a power becomes infinite: 0 times infinity is not a wait. */
const maxDoublings = 64

/** Milliseconds to wait after this many failures in a row, from 1. `random` is from 0 up to 1. */
export const delay = ({ factor = 2, least, most }: Policy, failures: number, random: number): number =>
  Math.min(least * factor ** Math.min(failures - 1, maxDoublings), most) * (1 - jitter + 2 * jitter * random)

/** The same with a random number of Effect's own. */
export const next = (policy: Policy, failures: number): Effect.Effect<number> =>
  Effect.map(Random.next, (random) => delay(policy, failures, random))

/** The same as a schedule without an end, for `Effect.retry`. */
export const schedule = (policy: Policy): Schedule.Schedule<number> =>
  Schedule.modifyDelayEffect(Schedule.forever, (retries) => Effect.map(next(policy, retries + 1), Duration.millis))

/**
 * The failures in a row of one thing, and when it may be tried again. Give each thing its own: a shared one makes
 * others wait for failures that are not theirs.
 */
export class Backoff {
  private readonly policy: Policy
  private inARow = 0
  private until = 0

  constructor(policy: Policy) {
    this.policy = policy
  }

  /** In a row, up to now. */
  get failures(): number {
    return this.inARow
  }

  /** No attempt before this time, in milliseconds of the clock that `fail` is told; 0 at the beginning. */
  get notBefore(): number {
    return this.until
  }

  /** One more failure. `random` is from 0 up to 1. */
  fail(now: number, random: number): void {
    this.until = now + delay(this.policy, ++this.inARow, random)
  }

  /** It succeeded: the next failure is the first one again. */
  reset(): void {
    this.inARow = 0
    this.until = 0
  }
}
