/**
 * `PayloadDefaults` fills in the fields of a payload that the schema's own constructor does, and takes them out of the
 * stored form again: what a caller did not say is not part of what the command is. It loads nothing that a browser has
 * not.
 */
import { Schema } from "effect"
import * as Json from "./Json.ts"

/** A field that a constructor fills in: its name in the payload and in the stored form. */
interface Defaulted {
  readonly name: string
  readonly stored: string
}

const defaultsOf = (fields: Schema.Struct.Fields): ReadonlyArray<Defaulted> =>
  Object.entries(fields).flatMap(([name, field]) => {
    if (!Schema.isPropertySignature(field)) return []
    const { ast } = field
    if (ast._tag === "PropertySignatureDeclaration") {
      return ast.defaultValue === undefined ? [] : [{ name, stored: name }]
    }
    return ast.to.defaultValue === undefined ? [] : [{ name, stored: String(ast.from.fromKey ?? name) }]
  })

const hasFields = (
  schema: object
): schema is { readonly fields: Schema.Struct.Fields; readonly make: (...values: ReadonlyArray<unknown>) => unknown } =>
  "fields" in schema && "make" in schema

const none: ReadonlyArray<never> = []

export interface PayloadDefaults {
  /** A struct's own constructor fills in its defaults, and copies the fields. */
  readonly complete: (given: unknown) => unknown
  /** The fields of the stored form that only a default supplied. */
  readonly defaulted: (given: unknown) => ReadonlyArray<string>
}

export const of = (schema: object): PayloadDefaults => {
  if (!hasFields(schema)) return { complete: (given) => given, defaulted: () => none }
  const defaults = defaultsOf(schema.fields)
  return {
    complete: (given) => schema.make(given, { disableValidation: true }),
    defaulted: (given) => {
      if (defaults.length === 0) return none
      const values = (given ?? {}) as Record<string, unknown>
      return defaults.flatMap(({ name, stored }) => (values[name] === undefined ? [stored] : []))
    }
  }
}

/** The stored form without these fields. */
export const without = (form: unknown, defaulted: ReadonlyArray<string>): unknown =>
  defaulted.length === 0 || !Json.isPlainObject(form)
    ? form
    : Object.fromEntries(Object.entries(form).filter(([key]) => !defaulted.includes(key)))
