/**
 * `Calendar` says which days and times a new booking or hold may name. What was stored before is read whatever it
 * names, so a retry of it gets its answer: only decisions look here.
 */
import { Either } from "effect"
import { InvalidTime } from "./AccountError.ts"

/** First and last day, both included. */
const first = "1900-01-01"
const last = "2199-12-31"

const outside = `is not from ${first} to ${last}`
const isWithin = (day: string): boolean => day >= first && day <= last

/** A booking's day, `YYYY-MM-DD`. */
export const bookedOn = (day: string | undefined): Either.Either<void, InvalidTime> =>
  day === undefined || isWithin(day)
    ? Either.void
    : Either.left(new InvalidTime({ field: "bookedOn", reason: outside }))

/** Whether a time of RFC 3339 in UTC exists: `Date` takes the 30th of February for the 2nd of March. */
export const exists = (time: string): boolean => {
  const toSecond = time.slice(0, 19)
  const read = Date.parse(`${toSecond}Z`)
  return !Number.isNaN(read) && new Date(read).toISOString().startsWith(toSecond)
}

/** When a hold ends. */
export const expiresAt = (time: string | undefined, now: number): Either.Either<void, InvalidTime> => {
  if (time === undefined) return Either.void
  const reason = !exists(time)
    ? "is not a time that exists"
    : !isWithin(time.slice(0, 10))
      ? outside
      : Date.parse(time) <= now
        ? "has passed"
        : undefined
  return reason === undefined ? Either.void : Either.left(new InvalidTime({ field: "expiresAt", reason }))
}
