/**
 * `Page` is what every store does alike where it gives a part of something long: it checks the bounds, reads one more
 * than was asked for, and says by that one whether there is more. A full page alone does not say it. A page is bounded
 * in bytes too, so that a reader's memory depends on neither how many rows there are nor how large they are.
 */
import { Either } from "effect"
import { type ListStreamsOptions, maxPage, maxPageBytes, type ReadStreamOptions } from "./EventStore.ts"
import * as Platform from "./Platform.ts"
import { InvalidArgument } from "./StoreError.ts"

/** The first `limit` of the rows, of which the store read one more if there is one. */
export const cut = <A>(
  rows: ReadonlyArray<A>,
  limit: number
): { readonly kept: ReadonlyArray<A>; readonly more: boolean } =>
  rows.length > limit ? { kept: rows.slice(0, limit), more: true } : { kept: rows, more: false }

/** How many of the first `count` rows fit in a page by their size in bytes: one at least, where there is one. */
export const fitting = (count: number, sizeOf: (index: number) => number): number => {
  let bytes = 0
  for (let index = 0; index < count; index++) {
    bytes += sizeOf(index)
    if (bytes > maxPageBytes) return Math.max(index, 1)
  }
  return count
}

/**
 * The same for texts in memory. Most pages need not be measured: no character takes more than 3 bytes for a code unit.
 */
export const fittingTexts = (count: number, textOf: (index: number) => string | null): number => {
  let units = 0
  for (let index = 0; index < count; index++) units += textOf(index)?.length ?? 0
  return units * 3 <= maxPageBytes ? count : fitting(count, (index) => Platform.byteLength(textOf(index) ?? ""))
}

const invalid = (argument: string, reason: string) => new InvalidArgument({ argument, reason })

const bound = (argument: string, value: number, least: number): InvalidArgument | undefined =>
  Number.isSafeInteger(value) && value >= least
    ? undefined
    : invalid(argument, `${value} is not an integer from ${least}`)

export interface StreamBounds {
  readonly from: number
  readonly to: number
  readonly limit: number
  readonly backwards: boolean
}

/** The bounds of a page of one stream, complete and checked. */
export const streamBounds = (options: ReadStreamOptions = {}): Either.Either<StreamBounds, InvalidArgument> => {
  const { from = 1, to = Number.MAX_SAFE_INTEGER, limit = maxPage, direction = "forwards" } = options
  const wrong = bound("from", from, 0) ?? bound("to", to, 0) ?? pageLimit(limit)
  return wrong === undefined
    ? Either.right({ from, to, limit, backwards: direction === "backwards" })
    : Either.left(wrong)
}

/** What is wrong with the bounds of a page of the log. */
export const wrongLogBounds = (after: number, limit: number): InvalidArgument | undefined =>
  bound("after", after, 0) ?? pageLimit(limit)

/** The bounds of a page of streams, complete and checked. `after` and `prefix` are any text. */
export const listBounds = (
  options: ListStreamsOptions = {}
): Either.Either<Required<ListStreamsOptions>, InvalidArgument> => {
  const { prefix = "", after = "", limit = maxPage } = options
  const wrong = pageLimit(limit)
  return wrong === undefined ? Either.right({ prefix, after, limit }) : Either.left(wrong)
}

const pageLimit = (limit: number): InvalidArgument | undefined =>
  bound("limit", limit, 0) ?? (limit > maxPage ? invalid("limit", `${limit} is over ${maxPage}`) : undefined)
