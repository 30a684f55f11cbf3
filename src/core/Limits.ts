/**
 * `Limits` checks the limits of a runtime where they are made: each against the range outside of which the runtime
 * would hang or spin, and against related limits, for example a wait that must end before the one around it.
 */
import { Duration } from "effect"

/** What each limit may be, both ends included: counts are whole numbers, durations are compared in milliseconds. */
export type Ranges<L> = { readonly [K in keyof L]: readonly [least: number, most: number] }

/** A limit of another module, or one that cannot be changed. Durations in milliseconds. */
export interface Bound {
  readonly name: string
  readonly value: number
}

/** Two limits that belong together, the smaller one first, and what goes wrong otherwise. */
export type Relation<L> = readonly [
  lesser: keyof L & string,
  how: "<" | "<=",
  greater: (keyof L & string) | Bound,
  otherwise: string
]

/** A day in milliseconds, the longest that a wait makes sense. */
export const day = 24 * 3_600_000

/**
 * Most rows, and most characters of data, that a SQL store writes in one transaction: bounds how long a commit holds
 * the process. One append is never split.
 */
export const group = { rows: 4_000, characters: 8 * 1_048_576 }

/** A limit outside its range, or two that contradict each other. */
export class InvalidLimit extends Error {
  override readonly name = "InvalidLimit"
}

const sizeOf = (value: unknown): number => (Duration.isDuration(value) ? Duration.toMillis(value) : Number(value))

const checkRange = <L extends object>(defaults: L, limits: L, name: keyof L & string, [least, most]: Bounds): void => {
  const value: unknown = limits[name]
  const isDuration = Duration.isDuration(defaults[name])
  const size = !isDuration ? value : Duration.isDuration(value) ? Duration.toMillis(value) : undefined
  const isWhole = isDuration || Number.isSafeInteger(size)
  if (typeof size === "number" && isWhole && size >= least && size <= most) return
  throw new InvalidLimit(
    isDuration
      ? `the limit ${name} is ${size === undefined ? value : `${size} milliseconds`}; it is a duration of ${least} to ${most} milliseconds`
      : `the limit ${name} is ${value}; it is a whole number from ${least} to ${most}`
  )
}
type Bounds = readonly [least: number, most: number]

const checkRelation = <L extends object>(limits: L, [lesser, how, greater, otherwise]: Relation<L>): void => {
  const small = sizeOf(limits[lesser])
  const bound = typeof greater === "string" ? { name: greater, value: sizeOf(limits[greater]) } : greater
  if (how === "<" ? small < bound.value : small <= bound.value) return
  const [isTime, isEqual] = [Duration.isDuration(limits[lesser]), how === "<"]
  const than = isTime ? (isEqual ? "not longer" : "shorter") : isEqual ? "not greater" : "smaller"
  const unit = isTime ? " milliseconds" : ""
  throw new InvalidLimit(
    `the limit ${bound.name} is ${than} than ${lesser} (${bound.value} and ${small}${unit}): ${otherwise}`
  )
}

/**
 * The defaults with some limits changed. Throws `InvalidLimit` when one is outside its range, or two contradict each
 * other.
 */
export const change = <L extends object>(
  defaults: L,
  ranges: Ranges<L>,
  changes: Partial<L>,
  relations: ReadonlyArray<Relation<L>> = []
): L => {
  const limits = { ...defaults, ...changes }
  for (const name of Object.keys(ranges) as Array<keyof L & string>) checkRange(defaults, limits, name, ranges[name])
  for (const relation of relations) checkRelation(limits, relation)
  return limits
}
