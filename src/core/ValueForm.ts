/**
 * `ValueForm` writes a decoded value as JSON that tells its kind too: a bigint, a Date, a Map or an Option is another
 * value than the number, text, list or object that looks like it. Two values are the same where their forms are.
 *
 * Values that a schema makes up each time (the time as a default, a random id) cannot be compared: `common` marks them
 * as varying.
 */
import { Chunk, Either, HashMap, HashSet, Option, Predicate } from "effect"
import * as Json from "./Json.ts"
import * as Platform from "./Platform.ts"

/** Under this key is the kind of a value that JSON does not have. */
const kindKey = "~"
const kind = (name: string, is?: unknown): unknown => (is === undefined ? { [kindKey]: name } : { [kindKey]: name, is })

const varies = kind("varies")
const isVarying = (form: unknown): boolean => Json.isPlainObject(form) && form[kindKey] === "varies"

const fields = (value: object, depth: number): unknown => {
  const entries = Object.entries(value).map(([key, inner]) => [key, of(inner, depth + 1)] as const)
  const sorted = entries.sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.hasOwn(value, kindKey) ? kind("object", sorted) : Object.fromEntries(sorted)
}

const object = (value: object, depth: number): unknown => {
  const inner = (one: unknown) => of(one, depth + 1)
  if (value instanceof Date) return kind("Date", Number.isNaN(value.getTime()) ? "invalid" : value.toISOString())
  if (value instanceof Uint8Array) return kind("bytes", Platform.toHex(value))
  if (value instanceof Map) return kind("Map", [...value].map(inner))
  if (value instanceof Set) return kind("Set", [...value].map(inner))
  if (value instanceof RegExp || value instanceof URL) return kind(value.constructor.name, String(value))
  if (Option.isOption(value)) return Option.isSome(value) ? kind("Some", inner(value.value)) : kind("None")
  if (Either.isEither(value)) {
    return Either.isRight(value) ? kind("Right", inner(value.right)) : kind("Left", inner(value.left))
  }
  if (Chunk.isChunk(value)) return kind("Chunk", Chunk.toReadonlyArray(value).map(inner))
  if (HashMap.isHashMap(value)) return kind("HashMap", HashMap.toEntries(value).map(inner))
  if (HashSet.isHashSet(value)) return kind("HashSet", [...value].map(inner))
  // An instance of a class of one's own is its fields: the class may get another name.
  if (!Json.isPlainObject(value) && !(value instanceof Error) && Predicate.hasProperty(value, "toJSON")) {
    const told: unknown = typeof value.toJSON === "function" ? value.toJSON() : undefined
    // What Effect's own types say of themselves, such as a DateTime or a BigDecimal.
    if (told !== value && told !== undefined) return kind("as JSON", inner(told))
  }
  return fields(value, depth)
}

/** The form of a value: JSON, with its keys in their order. */
export const of = (value: unknown, depth = 0): unknown => {
  if (depth > Json.maxDepth) return kind("too deep")
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : kind("number", Object.is(value, -0) ? "-0" : `${value}`)
    case "bigint":
      return kind("bigint", `${value}`)
    case "object":
      if (value === null) return null
      return Array.isArray(value) ? value.map((inner) => of(inner, depth + 1)) : object(value, depth)
    case "undefined":
      return kind("undefined")
    default:
      return kind(typeof value, String(value))
  }
}

/** What two forms of one value have in common, with the rest marked as varying. */
export const common = (left: unknown, right: unknown): unknown => {
  if (Array.isArray(left) && Array.isArray(right) && left.length === right.length) {
    return left.map((inner, index) => common(inner, right[index]))
  }
  if (Json.isPlainObject(left) && Json.isPlainObject(right)) {
    const keys = Object.keys(left)
    if (keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key))) {
      const isOneKind = left[kindKey] === right[kindKey]
      return isOneKind ? Object.fromEntries(keys.map((key) => [key, common(left[key], right[key])])) : varies
    }
    return varies
  }
  return Object.is(left, right) ? left : varies
}

export interface Difference {
  /** As `lines.0.amount`; empty when it is the whole value. */
  readonly path: string
  readonly was: unknown
  readonly is: unknown
}

/** The first place where a form differs from what it was. `mayGrow`: a key that is new does not count. */
export const difference = (was: unknown, is: unknown, mayGrow = false, path = ""): Difference | undefined => {
  if (isVarying(was) || isVarying(is)) return undefined
  const at = (key: string | number) => (path === "" ? String(key) : `${path}.${key}`)
  if (Array.isArray(was) && Array.isArray(is) && was.length === is.length) {
    for (const [index, inner] of was.entries()) {
      const found = difference(inner, is[index], mayGrow, at(index))
      if (found !== undefined) return found
    }
    return undefined
  }
  const isObject = Json.isPlainObject(was) && Json.isPlainObject(is)
  if (isObject && !Object.hasOwn(was, kindKey) && !Object.hasOwn(is, kindKey)) {
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      if (mayGrow && !Object.hasOwn(was, key)) continue
      const found =
        Object.hasOwn(was, key) === Object.hasOwn(is, key)
          ? difference(was[key], is[key], mayGrow, at(key))
          : { path: at(key), was: was[key], is: is[key] }
      if (found !== undefined) return found
    }
    return undefined
  }
  if (isObject && was[kindKey] === is[kindKey]) {
    const found = difference(was.is, is.is, mayGrow, path)
    return found === undefined ? undefined : { path: found.path, was, is }
  }
  return Object.is(was, is) ? undefined : { path, was, is }
}
