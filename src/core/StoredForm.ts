/**
 * `StoredForm` is a schema with every version of its stored form that ever was. Events are made of it (`Event.ts`), and
 * so are the payload, the success and the kept errors of a command:
 *
 *     const Receipt = StoredForm.make({ litres: Schema.Number })                                      // version 1
 *       .next({ litres: Schema.Number, unit: Schema.String }, (v1) => ({ ...v1, unit: "l" }))         // version 2
 *
 *     Rpc.make("Fill", { payload: { litres: Schema.Number }, success: Receipt })
 *
 * It is an ordinary schema, that of the last version, wherever a schema is taken. An upcaster turns the stored form of
 * one version into the stored form of the next, so that none of them changes when a later version comes. It is pure. A
 * field that it leaves out does not compile. A schema without `StoredForm` is its own version 1.
 */
import { Either, type ParseResult, Schema, SchemaAST } from "effect"
import * as Json from "./Json.ts"
import * as SchemaParts from "./SchemaParts.ts"
import * as SchemaPath from "./SchemaPath.ts"

/** One step from a stored form to the next, as a codec runs it. */
export type Upcast = (previous: never, ...context: ReadonlyArray<never>) => unknown

/** The versions of one stored form. */
export interface History {
  /** The schema of each version, from 1. */
  readonly forms: ReadonlyArray<Schema.Schema.AnyNoContext>
  /** `upcasts[n - 1]` leads from version n to n + 1. */
  readonly upcasts: ReadonlyArray<Upcast>
}

/** Fields that need no services to be decoded: replay is a plain function. */
export interface Fields {
  readonly [name: PropertyKey]:
    | Schema.Schema.AnyNoContext
    | Schema.Schema<never, never>
    // biome-ignore lint/suspicious/noExplicitAny: a property is invariant in all that it says; only its services matter here.
    | Schema.PropertySignature<any, any, any, any, any, any, never>
}

/** What `next` takes: the fields of a struct, or any schema that needs no services. */
export type Declared = Fields | Schema.Schema.AnyNoContext

type SchemaOf<D> = D extends Schema.Schema.Any ? D : D extends Schema.Struct.Fields ? Schema.Struct<D> : never

export interface Next<D> {
  /** The next version, with the upcaster from this version's stored form to its own. */
  readonly next: <const G extends Declared>(
    form: G,
    upcast: (previous: Schema.Schema.Encoded<SchemaOf<D>>) => Schema.Schema.Encoded<SchemaOf<G>>
  ) => StoredForm<G>
}

export type StoredForm<D> = SchemaOf<D> & Next<D>

const historyId = Symbol.for("daybook/core/StoredForm/history")

const isHistory = (value: unknown): value is History => typeof value === "object" && value !== null && "forms" in value

/** Every version of a schema's stored form; of an ordinary schema its own, as version 1. */
export const historyOf = (schema: Schema.Schema.AnyNoContext): History => {
  const found = schema.ast.annotations[historyId]
  return isHistory(found) ? found : { forms: [schema], upcasts: [] }
}

/**
 * Whether a stored form with several versions stands within one of the forms. What is stored has one version, that of
 * the whole, so nobody could tell the version of such a part.
 */
export const isNested = ({ forms }: History): boolean =>
  forms.some(({ ast }) =>
    SchemaParts.someWithin(ast, ({ annotations }) => {
      const found = annotations[historyId]
      return isHistory(found) && found.forms.length > 1
    })
  )

const identityId = Symbol.for("daybook/core/StoredForm/identity")

/**
 * How a value of the field is compared with that of an earlier command with the same id: two values are the same where
 * this returns the same text for their stored forms, for example for amounts with and without a last zero.
 */
export const identifiedBy =
  (normalize: (stored: string) => string) =>
  <A>(schema: Schema.Schema<A, string>): Schema.Schema<A, string> =>
    schema.annotations({ [identityId]: normalize })

type Normalize = (form: unknown) => unknown

const normalizerOf = (ast: SchemaAST.AST): Normalize | undefined => {
  const own = ast.annotations[identityId]
  if (typeof own === "function") return (form) => (typeof form === "string" ? own(form) : form)
  switch (ast._tag) {
    case "Refinement":
    case "Transformation":
      return normalizerOf(ast.from)
    case "TypeLiteral": {
      const fields = ast.propertySignatures.flatMap(({ name, type }) => {
        const normalize = normalizerOf(type)
        return normalize === undefined ? [] : [[String(name), normalize] as const]
      })
      if (fields.length === 0) return undefined
      return (form) => {
        if (!Json.isPlainObject(form)) return form
        const changed = fields.flatMap(([name, normalize]) =>
          Object.hasOwn(form, name) ? [[name, normalize(form[name])] as const] : []
        )
        return { ...form, ...Object.fromEntries(changed) }
      }
    }
    case "TupleType": {
      const [rest] = ast.rest
      const normalize = rest === undefined || ast.elements.length > 0 ? undefined : normalizerOf(rest.type)
      return normalize === undefined ? undefined : (form) => (Array.isArray(form) ? form.map(normalize) : form)
    }
    case "Union": {
      const found = ast.types.flatMap((member) => normalizerOf(member) ?? [])
      return found.length === 0 ? undefined : (form) => found.reduce((value, normalize) => normalize(value), form)
    }
    default:
      return undefined
  }
}

/** The stored form by which a command is identified, see `identifiedBy`; undefined where that is the form itself. */
export const identityOf = (schema: Schema.Schema.AnyNoContext): Normalize | undefined => normalizerOf(schema.ast)

/** The schemas of a union, each with its history; of any other schema itself. */
export const membersOf = (schema: Schema.Schema.AnyNoContext): ReadonlyArray<Schema.Schema.AnyNoContext> =>
  SchemaAST.isUnion(schema.ast) && !isHistory(schema.ast.annotations[historyId])
    ? schema.ast.types.flatMap((ast) => membersOf(Schema.make(ast)))
    : SchemaAST.isNeverKeyword(schema.ast)
      ? []
      : [schema]

/** The literal under which values of an encoded schema stand apart; undefined where there is none. */
export const tagOf = (schema: Schema.Schema.AnyNoContext): string | undefined => {
  const encoded = SchemaAST.encodedAST(schema.ast)
  const found = SchemaAST.getPropertySignatures(encoded).find(({ name }) => name === "_tag")
  return found !== undefined && SchemaAST.isLiteral(found.type) ? String(found.type.literal) : undefined
}

/** The names of the fields of the stored form, in the order in which they are declared. */
export const fieldsOf = (schema: Schema.Schema.AnyNoContext): ReadonlyArray<string> =>
  SchemaAST.getPropertySignatures(SchemaAST.encodedAST(schema.ast)).map(({ name }) => String(name))

const schemaOf = (declared: Declared): Schema.Schema.AnyNoContext =>
  Schema.isSchema(declared)
    ? (declared as Schema.Schema.AnyNoContext)
    : (Schema.Struct(declared) as Schema.Schema.AnyNoContext)

const build = ({ forms, upcasts }: History): Schema.Schema.AnyNoContext => {
  const last = forms.at(-1) ?? Schema.Void
  const schema = last.annotations({ [historyId]: { forms, upcasts } satisfies History })
  // A schema is a function with members, and this is one more of them.
  return Object.assign(schema, {
    next: (form: Declared, upcast: Upcast) =>
      build({ forms: [...forms, schemaOf(form)], upcasts: [...upcasts, upcast] })
  })
}

/** Version 1: the fields of a struct, or a schema. */
export const make = <const D extends Declared>(form: D): StoredForm<D> =>
  // The conditional types of a generic form do not reduce here; for each concrete `D` they are these.
  build({ forms: [schemaOf(form)], upcasts: [] }) as never

const nameOf = (cause: unknown): string => (cause instanceof Error ? cause.name : typeof cause)

export interface Upcaster {
  /** The number of the last version. */
  readonly version: number
  /**
   * From the stored form of a version (1 to `version`) to that of the last one, which its decoder checks. `checkLast`
   * has it checked here too, where nothing decodes it.
   */
  readonly upcast: (
    form: unknown,
    from: number,
    context: ReadonlyArray<unknown>,
    checkLast?: boolean
  ) => Either.Either<unknown, Json.Misfit>
}

/**
 * An upcaster trusts its type: given `null` for an amount, `Math.round` returns 0, and nothing after it would notice.
 * So the form that was stored is checked before the first step.
 */
export const upcaster = ({ forms, upcasts }: History): Upcaster => {
  const version = forms.length
  const checks: Array<((value: unknown) => Either.Either<unknown, ParseResult.ParseError>) | undefined> = []
  const check = (at: number) => {
    const form = forms[at - 1]
    if (form === undefined) return undefined
    checks[at] ??= Schema.validateEither(Schema.encodedBoundSchema(form))
    return checks[at]
  }
  return {
    version,
    upcast: (form, from, context, checkLast = false) => {
      const fit = from < version || checkLast ? check(from)?.(form) : undefined
      if (fit !== undefined && Either.isLeft(fit)) {
        return Either.left({ path: SchemaPath.of(fit.left), reason: "the field does not fit the schema" })
      }
      let current = form
      for (let at = from; at < version; at++) {
        try {
          current = upcasts[at - 1]?.(current as never, ...(context as ReadonlyArray<never>))
        } catch (cause) {
          const reason = `the upcaster from version ${at} to ${at + 1} threw ${nameOf(cause)}`
          return Either.left({ path: "", reason })
        }
      }
      return Either.right(current)
    }
  }
}
