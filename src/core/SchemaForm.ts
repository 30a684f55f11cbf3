/**
 * `SchemaForm` says which values a schema takes, as JSON that is the same for the same values: two schemas can be
 * compared.
 */
import { JSONSchema, type Schema } from "effect"
import * as Json from "./Json.ts"

/** What a JSON Schema says to people. It may change, and the values stay the same. */
const remarks: ReadonlySet<string> = new Set(["$schema", "title", "description", "examples", "default"])
/** Under these the keys are names, of fields or of schemas, and none of them is a remark. */
const naming: ReadonlySet<string> = new Set(["properties", "patternProperties", "$defs"])
/** Lists without an order. */
const sets: ReadonlySet<string> = new Set(["required", "enum"])

const essence = (value: unknown, keysAreNames = false): unknown => {
  if (Array.isArray(value)) return value.map((inner) => essence(inner))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => keysAreNames || !remarks.has(key))
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, inner]) =>
        !keysAreNames && sets.has(key) && Array.isArray(inner)
          ? [key, [...inner].sort()]
          : [key, essence(inner, !keysAreNames && naming.has(key))]
      )
  )
}

/** JSON Schema with sorted keys and without remarks; of a schema that has none, how it is written. */
export const of = (schema: Schema.Schema.Any): unknown => {
  try {
    return essence(JSONSchema.make(schema as Schema.Schema<unknown>))
  } catch {
    return String(schema.ast)
  }
}

/**
 * The form without the names of schemas: each reference is replaced by what it stands for, one within itself by how
 * many levels up that is.
 */
export const nameless = (form: unknown): unknown => {
  const definitions = Json.isPlainObject(form) && Json.isPlainObject(form.$defs) ? form.$defs : undefined
  if (definitions === undefined) return form
  const inline = (value: unknown, within: ReadonlyArray<string>): unknown => {
    if (Array.isArray(value)) return value.map((inner) => inline(inner, within))
    if (!Json.isPlainObject(value)) return value
    const name = typeof value.$ref === "string" ? value.$ref.replace("#/$defs/", "") : undefined
    if (name !== undefined && Object.hasOwn(definitions, name)) {
      const at = within.lastIndexOf(name)
      return at < 0 ? inline(definitions[name], [...within, name]) : { $ref: `${within.length - at} up` }
    }
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => (inner === definitions ? [] : [[key, inline(inner, within)]]))
    )
  }
  return inline(form, [])
}
