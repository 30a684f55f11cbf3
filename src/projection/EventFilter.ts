/**
 * `EventFilter` says which events of the log a follower wants: by stored type, by aggregate, by the beginning of the stream's
 * id. All that it names must hold; what it leaves out, anything does.
 */
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as StreamId from "../core/StreamId.ts"

export interface EventFilter {
  /** Only events of these types, by their stored names, whosever they are. Default: all. */
  readonly types?: ReadonlySet<string>
  /** Only events of these aggregates, by their names. Default: all. */
  readonly aggregates?: ReadonlySet<string>
  /** Only events of streams whose id begins so, taken literally. Default: all. */
  readonly streamPrefix?: string
}

/** The same as beginnings of stream ids and types: an event fits where one of each does. Null: any. */
export interface Wanted {
  readonly prefixes: ReadonlyArray<string>
  readonly types: ReadonlySet<string> | null
}

export const all: Wanted = { prefixes: [""], types: null }

/** The narrower of two beginnings, or nothing where no id has both. */
const both = (one: string, other: string): ReadonlyArray<string> => {
  if (one.startsWith(other)) return [one]
  return other.startsWith(one) ? [other] : []
}

export const wantedOf = ({ aggregates, streamPrefix = "", types }: EventFilter): Wanted => ({
  prefixes:
    aggregates === undefined
      ? [streamPrefix]
      : [...aggregates].flatMap((name) => both(StreamId.prefixOf(name), streamPrefix)),
  types: types ?? null
})

/** What both want. */
export const narrow = (one: Wanted, other: Wanted): Wanted => {
  const { types } = one
  return {
    prefixes: one.prefixes.flatMap((prefix) => other.prefixes.flatMap((each) => both(prefix, each))),
    types:
      types === null || other.types === null
        ? (types ?? other.types)
        : new Set([...types].filter((type) => other.types?.has(type)))
  }
}

export const fits = (
  { prefixes, types }: Wanted,
  { streamId, type }: Pick<StoredEvent, "streamId" | "type">
): boolean => (types === null || types.has(type)) && prefixes.some((prefix) => streamId.startsWith(prefix))
