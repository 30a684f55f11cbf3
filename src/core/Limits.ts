/** `Limits` checks the limits of a runtime against what they may be: with a wrong one it would hang or spin. */
import { Duration } from "effect"

/** What each limit may be, both ends included: counts are whole numbers, durations are compared in milliseconds. */
export type Ranges<L> = { readonly [K in keyof L]: readonly [least: number, most: number] }

/** A day in milliseconds, the longest that a wait makes sense. */
export const day = 24 * 3_600_000

/** A limit outside its range. */
export class InvalidLimit extends Error {
  override readonly name = "InvalidLimit"
}

/** Those that belong together, where there are any. */
interface Backoff {
  readonly minBackoff?: Duration.Duration
  readonly maxBackoff?: Duration.Duration
}

/** The defaults with some limits changed. Throws `InvalidLimit` when one is outside its range. */
export const change = <L extends Backoff & object>(defaults: L, ranges: Ranges<L>, changes: Partial<L>): L => {
  const limits = { ...defaults, ...changes }
  for (const name of Object.keys(ranges) as Array<keyof L & string>) {
    const [least, most] = ranges[name]
    const value: unknown = limits[name]
    const isDuration = Duration.isDuration(defaults[name])
    const size = !isDuration ? value : Duration.isDuration(value) ? Duration.toMillis(value) : undefined
    const isWhole = isDuration || Number.isSafeInteger(size)
    if (typeof size === "number" && isWhole && size >= least && size <= most) continue
    throw new InvalidLimit(
      isDuration
        ? `the limit ${name} is ${size === undefined ? value : `${size} milliseconds`}; it is a duration of ${least} to ${most} milliseconds`
        : `the limit ${name} is ${value}; it is a whole number from ${least} to ${most}`
    )
  }
  const { maxBackoff, minBackoff } = limits
  if (maxBackoff !== undefined && minBackoff !== undefined && Duration.lessThan(maxBackoff, minBackoff)) {
    throw new InvalidLimit("the limit maxBackoff is shorter than minBackoff; give it at least as much")
  }
  return limits
}
