/**
 * `TokenBuckets` keeps, for `RateLimiter`, how many requests each token may still make at once.
 *
 * - It uses the clock that only goes forward: by the wall clock, a token that has used up its rate would be refused for
 *   as long as that clock was set back.
 * - A bucket that would be full by now is forgotten, since it means the same as none. So only recent ones are kept,
 *   however many names an issuer of tokens gives out.
 */
import * as RateLimiter from "@effect/experimental/RateLimiter"
import { Duration, Effect, Layer } from "effect"
import * as Elapsed from "../core/Elapsed.ts"

interface Bucket {
  /** What was left at the time. */
  readonly left: number
  readonly at: number
}

export interface Taking {
  readonly key: string
  readonly tokens: number
  /** Most that a bucket holds. */
  readonly limit: number
  /** Milliseconds in which one is added. */
  readonly refill: number
}

export class TokenBuckets {
  /** The one that was asked longest ago first. */
  private readonly buckets = new Map<string, Bucket>()

  /** What is left after taking; below 0, and nothing was taken, where there was not enough. */
  take({ key, limit, refill, tokens }: Taking, now: number): number {
    this.forgetFull(limit * refill, now)
    const { at, left } = this.buckets.get(key) ?? { left: limit, at: now }
    const filled = Math.min(limit, left + (now - at) / refill)
    const rest = filled - tokens
    this.buckets.delete(key)
    this.buckets.set(key, { left: rest < 0 ? filled : rest, at: now })
    return rest
  }

  /** Buckets that are kept. */
  get size(): number {
    return this.buckets.size
  }

  private forgetFull(fillTime: number, now: number): void {
    for (const [key, { at }] of this.buckets) {
      if (now - at < fillTime) return
      this.buckets.delete(key)
    }
  }
}

export const layer: Layer.Layer<RateLimiter.RateLimiterStore> = Layer.sync(RateLimiter.RateLimiterStore, () => {
  const buckets = new TokenBuckets()
  return {
    tokenBucket: ({ refillRate, ...taking }) =>
      Effect.map(Elapsed.millis, (now) => buckets.take({ ...taking, refill: Duration.toMillis(refillRate) }, now)),
    fixedWindow: () => Effect.dieMessage("requests are counted in buckets, not in windows")
  }
})
