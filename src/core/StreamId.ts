/**
 * `StreamId` names one stream of events, as `order-704` names the events of order 704.
 * Compared byte by byte: composed and decomposed forms of one letter are two ids.
 */
import { Schema } from "effect"
import * as Platform from "./Platform.ts"

/** Longest stream id, in UTF-16 code units. Long enough for any natural key, short enough for an index page. */
export const maxLength = 512

/** 1 to 512 well-formed characters without U+0000, which separates the fields under an event's hash. */
export const StreamId = Schema.NonEmptyString.pipe(
  Schema.maxLength(maxLength),
  Schema.filter((id) => id.isWellFormed() && !id.includes("\0"), {
    message: () => "a stream id has no U+0000 and no lone surrogates"
  }),
  Schema.brand("StreamId")
)
export type StreamId = typeof StreamId.Type

/** How the streams of an aggregate begin. No aggregate's name is such that its streams begin as another's do. */
export const prefixOf = (aggregate: string): string => `${aggregate.charAt(0).toLowerCase()}${aggregate.slice(1)}-`

/** The same check as the schema's, without its cost: each append makes it. */
export const isStreamId = (id: string): id is StreamId =>
  id !== "" && id.length <= maxLength && id.isWellFormed() && !id.includes("\0")

/** The order of stream ids in every store: by their bytes in UTF-8, which is not the order of JavaScript's `<`. */
export const compare = (left: string, right: string): number => Platform.compareBytes(left, right)
