/**
 * `EventFilter` says which events of the log a follower wants: by stored type, by aggregate, by stream or the beginning
 * of its id. An event must meet all that it names; what it leaves out is not restricted.
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
  /** Only events of these streams. Default: all. */
  readonly streams?: ReadonlySet<string>
}

/** The same as beginnings of stream ids and types: an event fits where one of each does. Null: any. */
export interface Wanted {
  readonly prefixes: ReadonlyArray<string>
  readonly types: ReadonlySet<string> | null
  /** The whole ids, which are the beginnings too, where it wants single streams. Null: any that begins so. */
  readonly streams: ReadonlySet<string> | null
}

/** Every event. */
export const all: Wanted = { prefixes: [""], types: null, streams: null }

/** The narrower of two beginnings, or nothing where no id has both. */
const both = (one: string, other: string): ReadonlyArray<string> => {
  if (one.startsWith(other)) return [one]
  return other.startsWith(one) ? [other] : []
}

/** Those of the streams that begin in one of these ways. */
const ofStreams = (streams: ReadonlySet<string>, prefixes: ReadonlyArray<string>) => {
  const found = [...streams].filter((streamId) => prefixes.some((prefix) => streamId.startsWith(prefix)))
  return { prefixes: found, streams: new Set(found) }
}

/** The filter as beginnings of stream ids and types. */
export const wantedOf = ({ aggregates, streamPrefix = "", streams, types }: EventFilter): Wanted => {
  const prefixes =
    aggregates === undefined
      ? [streamPrefix]
      : [...aggregates].flatMap((name) => both(StreamId.prefixOf(name), streamPrefix))
  return {
    types: types ?? null,
    ...(streams === undefined ? { prefixes, streams: null } : ofStreams(streams, prefixes))
  }
}

/** What both want. */
export const narrow = (one: Wanted, other: Wanted): Wanted => {
  const types =
    one.types === null || other.types === null
      ? (one.types ?? other.types)
      : new Set([...one.types].filter((type) => other.types?.has(type)))
  const prefixes = one.prefixes.flatMap((prefix) => other.prefixes.flatMap((each) => both(prefix, each)))
  const { streams } = one
  if (streams === null || other.streams === null) {
    const single = streams ?? other.streams
    return { types, ...(single === null ? { prefixes, streams: null } : ofStreams(single, prefixes)) }
  }
  const shared = [...streams].filter((streamId) => other.streams?.has(streamId))
  return { types, prefixes: shared, streams: new Set(shared) }
}

/** Whether the event is wanted. */
export const fits = (
  { prefixes, streams, types }: Wanted,
  { streamId, type }: Pick<StoredEvent, "streamId" | "type">
): boolean =>
  (types === null || types.has(type)) &&
  (streams === null ? prefixes.some((prefix) => streamId.startsWith(prefix)) : streams.has(streamId))
