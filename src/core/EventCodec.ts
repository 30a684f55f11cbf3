/**
 * `EventCodec` is the one way from events to stored text and back. Every reader (replay, projections, subscriptions,
 * HTTP) decodes through it and so sees the same upcasters.
 */
import { Either, Schema, SchemaAST } from "effect"
import type * as Event from "./Event.ts"
import { type DecodeError, FutureVersion, UndecodableEvent, UnencodableEvent, UnknownEvent } from "./EventError.ts"
import * as SchemaPath from "./SchemaPath.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import * as StoredForm from "./StoredForm.ts"
import * as StoredText from "./StoredText.ts"
import * as TextCodec from "./TextCodec.ts"

export interface EncodedEvent {
  readonly type: string
  readonly schemaVersion: number
  readonly data: string
}

/** `asRead` is the event as every reader will find it: a schema may lose something on the way, as milliseconds. */
export interface Storable<E> extends EncodedEvent {
  readonly asRead: E
}

export interface EventCodec<E extends { readonly _tag: string }> {
  /** Also refuses what could not be read again, so that it is found before it is in the log. */
  readonly encode: (event: E) => Either.Either<Storable<E>, UnencodableEvent>
  /**
   * Upcasts and decodes: one event, several where it was split, none where it was retired. All of them are one step in
   * the log. Does not look at the hash: see `EventHash.isIntact`.
   */
  readonly decode: (stored: StoredEvent) => Either.Either<ReadonlyArray<E>, DecodeError>
  /** A field of an event that can be decoded, by its path, which its version does not declare and readers leave out. */
  readonly undeclaredField: (encoded: EncodedEvent) => string | undefined
}

/** A defect of the declaration, found when the codec is built. */
export class InvalidEvents extends Error {
  override readonly name = "InvalidEvents"
}

const nameOf = (cause: unknown): string => (cause instanceof Error ? cause.name : typeof cause)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

interface Known {
  readonly type: Event.Any
  readonly codec: TextCodec.TextCodec<unknown>
  readonly upcaster: StoredForm.Upcaster
}

/** Every name under which an event was ever stored, with its type. `whose` begins each error. */
const index = (events: ReadonlyArray<Event.Any>, whose: string): ReadonlyMap<string, Known> => {
  const types = new Map<string, Known>()
  for (const type of events) {
    const schema = type.schema as Schema.Schema.AnyNoContext
    const known = {
      type,
      codec: TextCodec.make(schema, { maxLength: StoredText.maxPayloadBytes }),
      upcaster: StoredForm.upcaster(type)
    }
    if (type.tag === "" || /\0|\p{Surrogate}/u.test(type.tag)) {
      throw new InvalidEvents(`${whose}${JSON.stringify(type.tag)} cannot be stored as the name of an event`)
    }
    if (type.forms.some(({ ast }) => SchemaAST.getPropertySignatures(ast).some(({ name }) => name === "_tag"))) {
      throw new InvalidEvents(
        `${whose}the event ${type.tag} has a field _tag, where its name stands; name the field otherwise`
      )
    }
    if (StoredForm.isNested(type)) {
      throw new InvalidEvents(
        `${whose}a field of the event ${type.tag} has versions of its own; give the versions to the event, with next`
      )
    }
    for (const name of [type.tag, ...type.formerTags]) {
      if (types.has(name))
        throw new InvalidEvents(`${whose}the event ${name} is declared twice; give each event its own names`)
      types.set(name, known)
    }
  }
  for (const { fate, tag } of events) {
    for (const target of fate?.targets ?? []) {
      const declared = types.get(target.tag)?.type
      if (declared === undefined) {
        throw new InvalidEvents(`${whose}the event ${tag} became ${target.tag}, which is not declared; declare it too`)
      }
      if (declared.fate !== undefined) {
        throw new InvalidEvents(
          `${whose}the event ${tag} became ${target.tag}, which is no more; name what that one became`
        )
      }
      if (declared.version < target.version) {
        throw new InvalidEvents(
          `${whose}the event ${tag} became ${target.tag} version ${target.version}, which is not declared; declare its last version`
        )
      }
    }
  }
  return types
}

type Decoded<T extends Event.Any> = Either.Either<ReadonlyArray<Event.Of<T>>, DecodeError>

const whereOf = ({ position, schemaVersion, streamId, type, version }: StoredEvent) => ({
  streamId,
  version,
  position,
  type,
  schemaVersion
})
const undecodable = (stored: StoredEvent, path: string, reason: string): Either.Either<never, UndecodableEvent> =>
  Either.left(new UndecodableEvent({ ...whereOf(stored), path, reason }))
const undeclared = "it is none of the aggregate's events; add it to them, or decide on one that is"
const dataOf = (form: unknown): string => {
  const { _tag: _, ...data } = form as Record<string, unknown>
  return JSON.stringify(data)
}

/**
 * The text of an event's fields out of that of the whole event, whose name stands first; undefined where it does not.
 */
const withoutTag = (text: string, tag: string): string | undefined => {
  const start = `{"_tag":${JSON.stringify(tag)}`
  if (!text.startsWith(start)) return undefined
  return text[start.length] === "," ? `{${text.slice(start.length + 1)}` : "{}"
}

/**
 * Fails with `InvalidEvents` when two event types share a name, or one became an event that is not declared.
 * `aggregate` is whose they are, for errors.
 */
export const make = <T extends Event.Any>(events: ReadonlyArray<T>, aggregate?: string): EventCodec<Event.Of<T>> => {
  const types = index(events, aggregate === undefined ? "" : `${aggregate}: `)
  const whose = aggregate === undefined ? {} : { aggregate }

  const encode: EventCodec<Event.Of<T>>["encode"] = (event) => {
    const { _tag: tag } = event as { readonly _tag: string }
    const known = types.get(tag)
    if (known === undefined || known.type.tag !== tag || known.type.fate !== undefined) {
      return Either.left(new UnencodableEvent({ ...whose, type: tag, path: "", reason: undeclared }))
    }
    const written = known.codec.write(event)
    if (Either.isLeft(written)) return Either.left(new UnencodableEvent({ ...whose, type: tag, ...written.left }))
    const { asRead, form, text } = written.right
    const data = withoutTag(text, tag) ?? dataOf(form)
    return Either.right({ type: tag, schemaVersion: known.type.version, data, asRead: asRead as Event.Of<T> })
  }

  /** From the form of the current version of a type. */
  const decoded = (stored: StoredEvent, { codec }: Known, form: unknown): Decoded<T> => {
    const read = codec.read(form)
    return Either.isRight(read)
      ? Either.right([read.right as Event.Of<T>])
      : undecodable(stored, read.left.path, read.left.reason)
  }

  /** From the form of one version of a type to the events that it is today. */
  const current = (stored: StoredEvent, known: Known, from: number, form: unknown): Decoded<T> => {
    const { fate } = known.type
    if (!isObject(form)) return undecodable(stored, "", "the stored form is not an object")
    const upcast = known.upcaster.upcast(form, from, [stored], fate !== undefined)
    if (Either.isLeft(upcast)) return undecodable(stored, upcast.left.path, upcast.left.reason)
    const data = upcast.right as object
    return fate === undefined ? decoded(stored, known, { ...data, _tag: known.type.tag }) : pieces(stored, fate, data)
  }

  /** All of them or none: half a split is never seen. */
  const pieces = (stored: StoredEvent, { split }: Event.Fate, data: object): Decoded<T> => {
    const events: Array<Event.Of<T>> = []
    try {
      for (const { data: form, schemaVersion, type } of split(data as never, stored)) {
        const known = types.get(type)
        // The targets were looked at when the codec was made; this one is not among them.
        if (known === undefined || known.type.fate !== undefined || known.type.version < schemaVersion) {
          return undecodable(stored, "", `${type} v${schemaVersion} is not a piece of it`)
        }
        const found = current(stored, known, schemaVersion, form)
        if (Either.isLeft(found)) return found
        events.push(...found.right)
      }
    } catch (cause) {
      return undecodable(stored, "", `its split threw ${nameOf(cause)}`)
    }
    return Either.right(events)
  }

  const decode = (stored: StoredEvent): Decoded<T> => {
    const { schemaVersion, type } = stored
    const known = types.get(type)
    if (known === undefined) return Either.left(new UnknownEvent(whereOf(stored)))
    const latest = known.type.version
    if (schemaVersion > latest) return Either.left(new FutureVersion({ ...whereOf(stored), known: latest }))
    if (!Number.isInteger(schemaVersion) || schemaVersion < 1) {
      return undecodable(stored, "", "versions are counted from 1")
    }
    let form: unknown
    try {
      form = JSON.parse(stored.data)
    } catch {
      // The parser's own message quotes the text, which may hold what a log must not.
      return undecodable(stored, "", "the stored text is not JSON")
    }
    if (schemaVersion < latest || known.type.fate !== undefined || !isObject(form)) {
      return current(stored, known, schemaVersion, form)
    }
    // It was parsed here and nothing else holds it: a copy would cost as much as the rest.
    form._tag = known.type.tag
    return decoded(stored, known, form)
  }

  const undeclaredField = ({ data, schemaVersion, type }: EncodedEvent): string | undefined => {
    const form = types.get(type)?.type.forms[schemaVersion - 1]
    if (form === undefined) return undefined
    const read = Schema.decodeUnknownEither(form, { onExcessProperty: "error" })(JSON.parse(data))
    return Either.isRight(read) ? undefined : SchemaPath.of(read.left)
  }

  return { encode, decode, undeclaredField }
}
