/**
 * `StoredFormLock` remembers every version of one stored form: which values it takes, and what some examples read as.
 * So a form that changes without a new version is found, and so is a change of meaning as far as a program can see it:
 * a changed default, transformation, condition or upcaster.
 */
import { Either, Schema } from "effect"
import * as FormChange from "./FormChange.ts"
import type * as Json from "./Json.ts"
import * as OtherMoment from "./OtherMoment.ts"
import * as SchemaForm from "./SchemaForm.ts"
import * as SchemaSample from "./SchemaSample.ts"
import * as StoredForm from "./StoredForm.ts"
import * as TextCodec from "./TextCodec.ts"
import * as ValueForm from "./ValueForm.ts"

const Example = Schema.Struct({
  stored: Schema.Unknown,
  /** For a version that has a next one, what its upcaster makes of it. */
  becomes: Schema.optionalWith(Schema.Unknown, { exact: true }),
  /** For the last version, the value that it is read as, as `ValueForm` writes it. */
  reads: Schema.optionalWith(Schema.Unknown, { exact: true }),
  /** Set in place of `reads` where it is read as it is stored. */
  asStored: Schema.optionalWith(Schema.Literal(true), { exact: true }),
  /** For an event that is no longer written, the events that it is read as. */
  pieces: Schema.optionalWith(Schema.Unknown, { exact: true }),
  /**
   * For a payload, the form in which it is compared with that of an earlier command, where that is not what is stored.
   */
  identity: Schema.optionalWith(Schema.Unknown, { exact: true })
})
type Example = typeof Example.Type

/** Without the value where that is what is stored: a lock is read by people. */
const shorten = ({ reads, ...example }: Example): Example => {
  if (reads === undefined) return example
  const isAsStored = ValueForm.difference(example.stored, reads) === undefined && !JSON.stringify(reads).includes('"~"')
  return isAsStored ? { ...example, asStored: true } : { ...example, reads }
}

const lengthen = ({ asStored, ...example }: Example): Example =>
  asStored === undefined ? example : { ...example, reads: example.stored }

export const LockedVersion = Schema.Struct({
  version: Schema.Int,
  /** JSON Schema of the stored form, as `SchemaForm` writes it: with its bounds, without its remarks and names. */
  form: Schema.Unknown,
  /** None where no value was found that it takes; missing in a lock of before there were examples. */
  examples: Schema.optionalWith(Schema.Array(Example), { exact: true })
})
export type LockedVersion = typeof LockedVersion.Type

/** One stored form, as it is declared. */
export interface Declared extends StoredForm.History {
  /** As a person finds it, such as `Order command Place payload`. */
  readonly place: string
  /** What one writes to give it a version, such as `StoredForm.make(…)`. */
  readonly declaration: string
  /** What an upcaster gets beside the form. */
  readonly context?: ReadonlyArray<unknown>
  /** The events that the last form is read as, of an event that is no longer written. */
  readonly split?: ((last: unknown) => unknown) | undefined
  /** The form in which it is compared with that of an earlier command. */
  readonly identity?: ((form: unknown) => unknown) | undefined
  /**
   * Whether a field that may be missing can be added without a version. So it is with what callers send: they need not
   * know the field. What is answered or has happened would be read by an earlier release without it.
   */
  readonly mayGrow?: boolean
}

export interface Findings {
  /** Changes that must not be made, since values of these forms may be stored. */
  readonly broken: ReadonlyArray<string>
  /** What the lock does not know yet. */
  readonly missing: ReadonlyArray<string>
}

/** Where the last form of a declaration is read. */
const readerOf = ({ forms }: Declared) => {
  const last = forms.at(-1)
  return last === undefined ? undefined : TextCodec.make(last)
}

/** What a stored form of a version is today. */
interface Reader {
  readonly observe: (version: number, stored: unknown) => Either.Either<Example, Json.Misfit>
}

const reader = (declared: Declared): Reader => {
  const { context = [], identity, split } = declared
  const codec = readerOf(declared)
  const upcaster = StoredForm.upcaster(declared)
  const copy = (stored: unknown): unknown => JSON.parse(JSON.stringify(stored))

  const last = (form: unknown): Either.Either<Partial<Example>, Json.Misfit> => {
    if (split !== undefined) {
      return Either.try({
        try: () => ({ pieces: ValueForm.of(split(form)) }),
        catch: (cause) => ({
          path: "",
          reason: `its split threw ${cause instanceof Error ? cause.name : typeof cause}`
        })
      })
    }
    return codec === undefined
      ? Either.right({})
      : Either.map(codec.read(form), (value) => ({ reads: ValueForm.of(value) }))
  }

  const once = (version: number, stored: unknown): Either.Either<Partial<Example>, Json.Misfit> =>
    // The whole way to what it is today, so that no upcaster leads to what the next one does not take.
    Either.flatMap(upcaster.upcast(copy(stored), version, context, split !== undefined), (form) =>
      Either.flatMap(last(form), (read) => {
        if (version === upcaster.version) {
          const said = identity?.(copy(stored))
          const isOther = said !== undefined && ValueForm.difference(ValueForm.of(stored), ValueForm.of(said))
          return Either.right(isOther ? { ...read, identity: ValueForm.of(said) } : read)
        }
        const step = { forms: declared.forms.slice(0, version + 1), upcasts: declared.upcasts }
        const next = StoredForm.upcaster(step).upcast(copy(stored), version, context)
        return Either.map(next, (becomes) => ({ becomes: ValueForm.of(becomes) }))
      })
    )

  return {
    observe: (version, stored) =>
      Either.flatMap(once(version, stored), (now) => {
        const then = OtherMoment.run(() => once(version, stored))
        // What reads differently each time cannot be compared.
        const seen = Either.isRight(then) ? (ValueForm.common(now, then.right) as Partial<Example>) : {}
        return Either.right({ stored: ValueForm.of(stored), ...seen })
      })
  }
}

/** Stored forms that are the same ones at any time. */
const samplesOf = (schema: Schema.Schema.AnyNoContext): ReadonlyArray<unknown> => {
  const then = new Set(OtherMoment.run(() => SchemaSample.of(schema)).map((form) => JSON.stringify(form)))
  return SchemaSample.of(schema).filter((form) => then.has(JSON.stringify(form)))
}

export const formOf = (schema: Schema.Schema.AnyNoContext): unknown =>
  // A bound belongs to the form: when it is narrowed, stored values may lie outside.
  SchemaForm.nameless(SchemaForm.of(Schema.encodedBoundSchema(schema)))

export const of = (declared: Declared): ReadonlyArray<LockedVersion> => {
  const { observe } = reader(declared)
  return declared.forms.map((schema, index) => ({
    version: index + 1,
    form: formOf(schema),
    examples: samplesOf(schema).flatMap((stored) =>
      Either.match(observe(index + 1, stored), { onLeft: () => [], onRight: (one) => [shorten(one)] })
    )
  }))
}

const where = (path: string): string => (path === "" ? "" : ` at ${path}`)

/** What reads otherwise now, in words; undefined where it reads as it did. */
const changedMeaning = (was: Example, is: Example, mayGrow: boolean): string | undefined => {
  const of = `of ${FormChange.quote(was.stored)}`
  const words = [
    ["becomes", "is upcast otherwise"],
    ["reads", "is read otherwise"],
    ["pieces", "is read as other events"],
    ["identity", "identifies another command"]
  ] as const
  for (const [key, says] of words) {
    // A version that was the last one when it was locked may have a next one, or be split by now.
    if (key === "identity" ? !("reads" in is && "reads" in was) : !(key in was && key in is)) continue
    const found = ValueForm.difference(was[key], is[key], mayGrow)
    if (found !== undefined) {
      const { is: after, path, was: before } = found
      return `${says}${where(path)} (${of}: was ${FormChange.quote(before)}, is ${FormChange.quote(after)})`
    }
  }
  return "pieces" in was && "reads" in is ? `is read as an event again (${of})` : undefined
}

/**
 * Where a stored form is not what its lock says, a line for each version. `accepted` are places, such as `Tank event
 * Filled version 1`, whose examples may read otherwise, since the value has another type in memory and means the same.
 */
export const compare = (
  locked: ReadonlyArray<LockedVersion>,
  declared: Declared,
  accepted: ReadonlyArray<string>
): Findings => {
  const { declaration, mayGrow = false, place } = declared
  const { observe } = reader(declared)
  const broken: Array<string> = []
  const missing: Array<string> = []
  for (const { examples, form, version } of locked) {
    const at = `${place} version ${version}`
    const schema = declared.forms[version - 1]
    if (schema === undefined) {
      broken.push(`${at} vanished: keep every version that was stored`)
      continue
    }
    const toDo = `put version ${version} back, and the change into ${declaration}.next(…, (v${version}) => …)`
    const changes = FormChange.of(form, formOf(schema))
    const additions = changes.filter(({ isAddition }) => isAddition)
    const what = changes.map(({ text }) => text).join(", ")
    if (changes.length > (mayGrow ? additions.length : 0)) {
      broken.push(`${at} has another stored form: ${what}; ${toDo}`)
      continue
    }
    if (additions.length > 0) missing.push(`${at}: that ${what} is not locked yet`)
    if (examples === undefined) missing.push(`what ${at} reads as is not locked yet`)
    if (accepted.includes(at)) continue
    for (const example of examples ?? []) {
      const now = observe(version, example.stored)
      const isOther = Either.match(now, {
        onLeft: ({ path, reason }) => `no longer reads ${FormChange.quote(example.stored)}${where(path)}: ${reason}`,
        onRight: (is) => changedMeaning(lengthen(example), is, additions.length > 0)
      })
      if (isOther === undefined) continue
      const same = Either.isRight(now) ? `, or if it means the same, daybook schema --accept ${JSON.stringify(at)}` : ""
      broken.push(`${at} ${isOther}; ${toDo}${same}`)
      break
    }
  }
  for (let version = locked.length + 1; version <= declared.forms.length; version++) {
    missing.push(`${place} version ${version} is not locked yet`)
  }
  return { broken, missing }
}
