/**
 * `EventCodec` is the one way from events to stored text and back. Every reader (replay, projections, subscriptions,
 * HTTP) decodes through it and so sees the same upcasters.
 */
import { Either, ParseResult, Schema } from "effect"
import type * as Event from "./Event.ts"
import { type DecodeError, FutureVersion, UndecodableEvent, UnencodableEvent, UnknownEvent } from "./EventError.ts"
import type { StoredEvent } from "./StoredEvent.ts"

/** How deep the data of an event may nest, in levels. JSON and schemas recurse; the stack is not theirs to exhaust. */
export const maxDepth = 256

export interface EncodedEvent {
  readonly type: string
  readonly schemaVersion: number
  readonly data: string
}

export interface EventCodec<E extends { readonly _tag: string }> {
  readonly encode: (event: E) => Either.Either<EncodedEvent, UnencodableEvent>
  /** Upcasts and decodes. Does not look at the hash: see `EventHash.isIntact`. */
  readonly decode: (stored: StoredEvent) => Either.Either<E, DecodeError>
}

/** A defect of the declaration, found when the codec is built. */
export class InvalidEvents extends Error {
  override readonly name = "InvalidEvents"
}

/** The first place where a value does not fit, as `lines.0.amount`. The schema's message would quote amounts and owners. */
const misfit = (error: ParseResult.ParseError): { readonly path: string; readonly reason: string } => ({
  path: ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.path.map(String).join(".") ?? "",
  reason: "the field does not fit the schema"
})

/**
 * Where a value would not come back from JSON as it went in (NaN becomes null, undefined and a Date change, a bigint
 * throws), or undefined when it would. -0 comes back as 0, which equals it.
 */
const notJson = (value: unknown, path: string, depth: number): { path: string; reason: string } | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined
  if (typeof value === "number") return Number.isFinite(value) ? undefined : { path, reason: `${value} is not JSON` }
  if (typeof value !== "object") return { path, reason: `${typeof value} is not JSON` }
  if (depth === maxDepth) return { path, reason: `nests deeper than ${maxDepth} levels` }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    return { path, reason: "only plain objects are JSON" }
  }
  for (const [key, child] of Object.entries(value)) {
    // An absent optional field and an undefined one are stored alike, as absent.
    if (child === undefined && !Array.isArray(value)) continue
    const found = notJson(child, path === "" ? key : `${path}.${key}`, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Fails with `InvalidEvents` when two event types share a name. */
export const make = <T extends Event.Any>(events: ReadonlyArray<T>): EventCodec<Event.Of<T>> => {
  const types = new Map(
    events.map((type) => [
      type.tag,
      { type, encode: Schema.encodeEither(type.schema), decode: Schema.decodeUnknownEither(type.schema) }
    ])
  )
  if (types.size < events.length) {
    const twice = events.find((type, index) => events.findIndex(({ tag }) => tag === type.tag) < index)
    throw new InvalidEvents(`the event ${twice?.tag} is declared twice; give each event type its own name`)
  }

  const encode = (event: Event.Of<T>): Either.Either<EncodedEvent, UnencodableEvent> => {
    const { _tag: tag } = event as { readonly _tag: string }
    const known = types.get(tag)
    if (known === undefined) {
      return Either.left(new UnencodableEvent({ type: tag, path: "", reason: "the aggregate does not declare it" }))
    }
    const encoded = known.encode(event)
    if (Either.isLeft(encoded)) return Either.left(new UnencodableEvent({ type: tag, ...misfit(encoded.left) }))
    const { _tag: _, ...data } = encoded.right as Record<string, unknown>
    const bad = notJson(data, "", 0)
    if (bad !== undefined) return Either.left(new UnencodableEvent({ type: tag, ...bad }))
    return Either.right({ type: tag, schemaVersion: known.type.version, data: JSON.stringify(data) })
  }

  const decode = (stored: StoredEvent): Either.Either<Event.Of<T>, DecodeError> => {
    const { streamId, version, position, type, schemaVersion } = stored
    const where = { streamId, version, position, type, schemaVersion }
    const undecodable = (path: string, reason: string) => Either.left(new UndecodableEvent({ ...where, path, reason }))

    const known = types.get(type)
    if (known === undefined) return Either.left(new UnknownEvent(where))
    const current = known.type.version
    if (schemaVersion > current) return Either.left(new FutureVersion({ ...where, known: current }))
    if (!Number.isInteger(schemaVersion) || schemaVersion < 1) return undecodable("", "versions are counted from 1")

    let data: unknown
    try {
      data = JSON.parse(stored.data)
    } catch {
      // The parser's own message quotes the text, which may hold what a log must not.
      return undecodable("", "the stored text is not JSON")
    }
    for (let from = schemaVersion; from < current; from++) {
      try {
        data = known.type.upcasts[from - 1]?.(data as never, stored)
      } catch (cause) {
        const name = cause instanceof Error ? cause.name : typeof cause
        return undecodable("", `the upcaster from version ${from} to ${from + 1} threw ${name}`)
      }
    }
    if (!isObject(data)) return undecodable("", "the stored form is not an object")
    const decoded = known.decode({ ...data, _tag: type })
    if (Either.isRight(decoded)) return Either.right(decoded.right)
    const { path, reason } = misfit(decoded.left)
    return undecodable(path, reason)
  }

  return { encode, decode }
}
