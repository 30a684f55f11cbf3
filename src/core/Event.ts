/**
 * `Event` declares one type of event with every version of its stored form that ever was.
 *
 *     const Paid = Event.make("Paid", { amount: Schema.Number })                                // version 1
 *       .next({ amount: Minor }, (v1) => ({ amount: String(Math.round(v1.amount * 100)) }))     // version 2
 *
 * An upcaster turns the stored form of one version into the stored form of the next, so that none of them changes when
 * a later version comes. It is pure. A missing field does not compile.
 *
 * A type changes in five ways: `next` (another form), `renamed` (another name), `split` (it became several events), and
 * `retired` (its facts no longer matter); a field that is added is a `next` with its default.
 */
import { Schema } from "effect"
import type { Storable } from "./Storable.ts"
import type { EventMetadata } from "./StoredEvent.ts"
import type { Fields, History, Upcast } from "./StoredForm.ts"

/** An event in a stored form of a certain version: what an event that was split becomes. */
export interface Piece<Tag extends string> {
  readonly type: Tag
  readonly schemaVersion: number
  readonly data: object
}

/** What became of a type that is no longer written. */
export interface Fate {
  /** The types of its pieces; none when it was retired. */
  readonly targets: ReadonlyArray<Any>
  readonly split: (last: never, metadata: EventMetadata) => ReadonlyArray<Piece<string>>
}

/** Its forms cover its fields, without `_tag`; its upcasters also get the event's metadata. */
export interface EventType<Tag extends string, A, I> extends History {
  readonly tag: Tag
  /** Names under which it was stored before it was renamed. */
  readonly formerTags: ReadonlyArray<string>
  /** The current version: 1 and one more for each `next`. */
  readonly version: number
  readonly schema: Schema.Schema<A, I>
  /** Set when it is only read, and gives other events or none. */
  readonly fate: Fate | undefined
  /**
   * An event of the current version. Not checked here: `EventCodec.encode` checks each event once, before it is stored.
   */
  readonly make: (fields: Omit<A, "_tag">) => A
}

export interface EventOfFields<Tag extends string, F extends Fields>
  extends EventType<
    Tag,
    { readonly _tag: Tag } & Schema.Struct.Type<F>,
    { readonly _tag: Tag } & Schema.Struct.Encoded<F>
  > {
  /** The next version, with the upcaster from this version's stored form to its own. */
  readonly next: <G extends Fields>(
    fields: G & Storable<Schema.Struct.Encoded<G>, Tag>,
    upcast: (previous: Schema.Struct.Encoded<F>, metadata: EventMetadata) => Schema.Struct.Encoded<G>
  ) => EventOfFields<Tag, G>
  /** The same event under another name from now on. What was stored under the old one is read under the new one. */
  readonly renamed: <const New extends string>(tag: New) => EventOfFields<New, F>
  /**
   * What it became: each stored event reads as these pieces, in this order, all at its one place in the log. Each piece
   * is in the stored form of the version on which `stored` is called; so that it stays in that form when the type gets
   * a next version, keep this version in a constant.
   */
  readonly split: <T extends Any>(
    targets: ReadonlyArray<T>,
    split: (last: Schema.Struct.Encoded<F>, metadata: EventMetadata) => ReadonlyArray<Piece<T["tag"]>>
  ) => Former<Tag>
  /** Its facts no longer matter: each stored event reads as none. Its place in the log is passed all the same. */
  readonly retired: () => Former<Tag>
  /** A piece in this version's stored form, for an event that is split. */
  readonly stored: (fields: Schema.Struct.Encoded<F>) => Piece<Tag>
}

/** A type that is only read: there are no events of it any more. */
export interface Former<Tag extends string> extends EventType<Tag, never, never> {}

// biome-ignore lint/suspicious/noExplicitAny: the schema of an event type is invariant; no other bound takes them all.
export type Any = EventType<string, any, any> | EventType<string, never, never>
export type Of<E extends Any> = E extends EventType<string, infer A, infer _I> ? A : never

interface Parts<Tag extends string, F extends Fields> extends History {
  readonly tag: Tag
  readonly fields: F
  readonly formerTags: ReadonlyArray<string>
}

const build = <Tag extends string, F extends Fields>(parts: Parts<Tag, F>): EventOfFields<Tag, F> => {
  const { fields, formerTags, forms, tag, upcasts } = parts
  const type = {
    tag,
    formerTags,
    version: forms.length,
    schema: Schema.Struct({ _tag: Schema.Literal(tag), ...fields }),
    forms,
    upcasts,
    fate: undefined
  }
  // The mapped types of a generic struct do not reduce here; for each concrete `F` they are these.
  return {
    ...type,
    make: (values: object) => ({ _tag: tag, ...values }),
    next: (next: Fields, upcast: Upcast) =>
      build({ tag, fields: next, formerTags, forms: [...forms, form(next)], upcasts: [...upcasts, upcast] }),
    // It may get back one of its former names.
    renamed: (name: string) =>
      build({ ...parts, tag: name, formerTags: [...formerTags, tag].filter((former) => former !== name) }),
    split: (targets: Fate["targets"], split: Fate["split"]) => ({ ...type, fate: { targets, split } }),
    retired: () => ({ ...type, fate: { targets: [], split: () => [] } }),
    stored: (data: object) => ({ type: tag, schemaVersion: forms.length, data })
  } as never
}

const form = (fields: Fields) => Schema.Struct(fields) as Schema.Schema.AnyNoContext

/** Version 1 of an event. `tag` is what is stored as its type: the past tense of what happened. */
export const make = <const Tag extends string, F extends Fields>(
  tag: Tag,
  fields: F & Storable<Schema.Struct.Encoded<F>, Tag>
): EventOfFields<Tag, F> => build<Tag, F>({ tag, fields, formerTags: [], forms: [form(fields)], upcasts: [] })
