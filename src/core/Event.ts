/**
 * `Event` declares one type of event with every version of its stored form that ever was.
 *
 *     const Deposited = Event.make("Deposited", { amount: Schema.Number })                      // version 1
 *       .next({ amount: Minor }, (v1) => ({ amount: String(Math.round(v1.amount * 100)) }))     // version 2
 *
 * An upcaster turns the stored form of one version into the stored form of the next, so that none of them changes when a
 * later version comes. It is pure. A missing field does not compile.
 */
import { Schema } from "effect"
import type { EventMetadata } from "./StoredEvent.ts"

/** One step from a stored form to the next, as the codec runs it. */
export type Upcast = (previous: never, metadata: EventMetadata) => unknown

export interface EventType<Tag extends string, A, I> {
  readonly tag: Tag
  /** The current version: 1 and one more for each `next`. */
  readonly version: number
  readonly schema: Schema.Schema<A, I>
  /** `upcasts[n - 1]` leads from version n to n + 1. */
  readonly upcasts: ReadonlyArray<Upcast>
  /** An event of the current version. Not checked here: `EventCodec.encode` checks each event once, before it is stored. */
  readonly make: (fields: Omit<A, "_tag">) => A
}

type Fields = Schema.Struct.Fields
/** Decoding must not need services: replay is a plain function. */
type Pure<F extends Fields> = [Schema.Struct.Context<F>] extends [never] ? F : never

export interface EventOfFields<Tag extends string, F extends Fields>
  extends EventType<
    Tag,
    { readonly _tag: Tag } & Schema.Struct.Type<F>,
    { readonly _tag: Tag } & Schema.Struct.Encoded<F>
  > {
  /** The next version, with the upcaster from this version's stored form to its own. */
  readonly next: <G extends Fields>(
    fields: Pure<G> & G,
    upcast: (previous: Schema.Struct.Encoded<F>, metadata: EventMetadata) => Schema.Struct.Encoded<G>
  ) => EventOfFields<Tag, G>
}

// biome-ignore lint/suspicious/noExplicitAny: the schema of an event type is invariant; no other bound takes them all.
export type Any = EventType<string, any, any>
export type Of<E extends Any> = E extends EventType<string, infer A, infer _I> ? A : never

const build = <Tag extends string, F extends Fields>(
  tag: Tag,
  fields: F,
  upcasts: ReadonlyArray<Upcast>
): EventOfFields<Tag, F> => ({
  tag,
  version: upcasts.length + 1,
  // The mapped types of a generic struct do not reduce here; for each concrete `F` they are these.
  schema: Schema.Struct({ _tag: Schema.Literal(tag), ...fields }) as never,
  upcasts,
  make: (values) => ({ _tag: tag, ...values }) as never,
  next: (nextFields, upcast) => build(tag, nextFields, [...upcasts, upcast as Upcast]) as never
})

/** Version 1 of an event. `tag` is what is stored as its type: the past tense of what happened. */
export const make = <const Tag extends string, F extends Fields>(
  tag: Tag,
  fields: Pure<F> & F
): EventOfFields<Tag, F> => build<Tag, F>(tag, fields, [])
