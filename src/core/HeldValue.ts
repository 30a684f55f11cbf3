/**
 * `HeldValue` keeps what memory holds equal to what a recovery would give. A state has no key whose value is undefined
 * and no -0, since neither can be stored as text; and it is frozen, since what was decided on it may yet fail to be
 * stored.
 *
 * It looks into plain objects and lists. What else a schema may decode (dates, maps, instances of classes) is left
 * alone.
 */
import { Equal, type Schema, SchemaAST } from "effect"
import * as Json from "./Json.ts"
import { isDeepStrictEqual } from "./Platform.ts"
import * as SchemaParts from "./SchemaParts.ts"

const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

/** `before` is a value that is held already: what the new one shares with it needs no second look. */
type Step = (value: unknown, before: unknown) => unknown

const asNumber: Step = (value) => (value === 0 ? 0 : value)

/** The list with each item as the step gives it; the same list where that changes nothing. */
const list =
  (step: Step): Step =>
  (value, before) => {
    if (value === before || !isList(value)) return value
    const old = isList(before) ? before : []
    let copy: Array<unknown> | undefined
    for (let index = 0; index < value.length; index++) {
      const inner = value[index]
      const held = step(inner, old[index])
      if (Object.is(held, inner)) continue
      copy ??= [...value]
      copy[index] = held
    }
    return copy ?? value
  }

/** Without the keys whose values are undefined, and as JSON makes it; the same object where nothing changes. */
const object =
  (keysOf: (value: Record<string, unknown>) => Iterable<string>, stepOf: (key: string) => Step): Step =>
  (value, before) => {
    if (value === before || !Json.isPlainObject(value)) return value
    const old = Json.isPlainObject(before) ? before : {}
    let copy: Record<string, unknown> | undefined = Object.getPrototypeOf(value) === null ? { ...value } : undefined
    for (const key of keysOf(value)) {
      const inner = value[key]
      const held = inner === undefined ? undefined : stepOf(key)(inner, old[key])
      if (held === undefined ? !Object.hasOwn(value, key) : Object.is(held, inner)) continue
      copy ??= { ...value }
      if (held === undefined) delete copy[key]
      else copy[key] = held
    }
    return copy ?? value
  }

/** Looks at all of a value whose schema says nothing, as deep as JSON may nest. */
const anything =
  (depth: number): Step =>
  (value, before) =>
    typeof value !== "object" || value === null || depth > Json.maxDepth
      ? asNumber(value, before)
      : isList(value)
        ? list(anything(depth + 1))(value, before)
        : object(Object.keys, () => anything(depth + 1))(value, before)

/** What is to be looked at in a value of the schema; undefined where nothing can be wrong. */
const compile = (ast: SchemaAST.AST): Step | undefined => {
  switch (ast._tag) {
    case "StringKeyword":
    case "BooleanKeyword":
    case "BigIntKeyword":
    case "TemplateLiteral":
    case "Declaration":
      return undefined
    case "Literal":
      return ast.literal === 0 ? asNumber : undefined
    case "Enums":
      return ast.enums.some(([, value]) => value === 0) ? asNumber : undefined
    case "NumberKeyword":
      return asNumber
    case "Refinement":
      return compile(ast.from)
    case "TypeLiteral": {
      if (ast.indexSignatures.length > 0 || ast.propertySignatures.length === 0) return anything(0)
      const steps = new Map<string, Step>()
      for (const { isOptional, name, type } of ast.propertySignatures) {
        const step = compile(type)
        if (isOptional || step !== undefined) steps.set(String(name), step ?? anything(0))
      }
      const keys = [...steps.keys()]
      return keys.length === 0
        ? undefined
        : object(
            () => keys,
            (key) => steps.get(key) ?? anything(0)
          )
    }
    case "TupleType": {
      const [rest, ...more] = ast.rest
      if (ast.elements.length > 0 || rest === undefined || more.length > 0) return anything(0)
      const step = compile(rest.type)
      return step === undefined ? undefined : list(step)
    }
    case "Union":
      return ast.types.every((member) => compile(member) === undefined) ? undefined : anything(0)
    default:
      return anything(0)
  }
}

/** The value without what no text has. Looks only where a value of the schema may hold it. */
export const holder = <S>(
  schema: Schema.Schema<S, never> | Schema.Schema.AnyNoContext
): ((value: S, before?: S) => S) => {
  const step = compile(SchemaAST.typeAST(schema.ast))
  return step === undefined ? (value) => value : (value, before) => step(value, before) as S
}

/** The same for a value of which no schema is known. */
export const hold: <S>(value: S) => S = (value) => anything(0)(value, undefined) as never

const freezeAll = (value: unknown, before: unknown, depth: number): void => {
  if (value === before || typeof value !== "object" || value === null || depth > Json.maxDepth) return
  if (isList(value)) {
    const old = isList(before) ? before : []
    for (let index = 0; index < value.length; index++) freezeAll(value[index], old[index], depth + 1)
  } else {
    if (!Json.isPlainObject(value)) return
    const old = Json.isPlainObject(before) ? before : {}
    for (const key in value) {
      const inner = value[key]
      if (typeof inner === "object" && inner !== old[key]) freezeAll(inner, old[key], depth + 1)
    }
  }
  Object.freeze(value)
}

/** From now on a change in place is a TypeError. `before` is a frozen value that this one may share parts with. */
export const freeze = <S>(value: S, before?: unknown): S => {
  freezeAll(value, before, 0)
  return value
}

/**
 * What is left of `room`, in characters, after the whole value; below 0 where the room was too small, and then the rest
 * was not looked at.
 */
const roomBehind = (room: number, value: unknown, depth: number): number => {
  if (typeof value === "string") return room - value.length - 2
  if (typeof value !== "object" || value === null || depth > Json.maxDepth) return room - 1
  let left = room - 2
  if (isList(value)) {
    for (let index = 0; index < value.length && left >= 0; index++) left = roomBehind(left - 1, value[index], depth + 1)
  } else if (Json.isPlainObject(value)) {
    for (const key in value) if (left >= 0) left = roomBehind(left - key.length - 4, value[key], depth + 1)
  }
  return left
}

/**
 * Whether the value is larger than this many characters. It stops looking there: making a text of tens of megabytes
 * only to see its length would hold the process for too long. The text of a plain value is never shorter than what this
 * counts.
 */
export const isLargerThan = (characters: number, value: unknown): boolean => roomBehind(characters, value, 0) < 0

const copyOf = (value: unknown, depth: number): unknown => {
  if (depth > Json.maxDepth) return value
  if (isList(value)) return value.map((inner) => copyOf(inner, depth + 1))
  if (!Json.isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner, depth + 1)]))
}

/** A copy of the plain part of a value, so that freezing it freezes nothing that somebody else holds. */
export const copy = <S>(value: S): S => copyOf(value, 0) as S

/** Whether all of a value is plain, so that a frozen one cannot change. */
export const isPlain = (value: unknown, depth = 0): boolean =>
  typeof value !== "object" || value === null
    ? true
    : depth <= Json.maxDepth &&
      (isList(value) || Json.isPlainObject(value)) &&
      Object.values(value).every((inner) => isPlain(inner, depth + 1))

/** Whether a value of the schema may hold anything that `freeze` leaves alone, as dates and instances of classes. */
export const mayChange = (schema: Schema.Schema.AnyNoContext): boolean =>
  SchemaParts.some(SchemaAST.typeAST(schema.ast), ({ _tag }) =>
    ["Declaration", "UnknownKeyword", "AnyKeyword", "ObjectKeyword"].includes(_tag)
  )

/** Whether one value has 0 where the other has -0, which equality by value does not see. */
const isOtherZero = (left: unknown, right: unknown, depth = 0): boolean =>
  typeof left === "object" && left !== null && typeof right === "object" && right !== null
    ? depth > Json.maxDepth ||
      Object.entries(left).some(([key, inner]) => isOtherZero(inner, Reflect.get(right, key), depth + 1))
    : left === 0 && right === 0 && !Object.is(left, right)

/** The first place at which two values differ, as `lines.0.amount`; undefined where they are the same. */
export const difference = (left: unknown, right: unknown, path = "", depth = 0): string | undefined => {
  if (Object.is(left, right)) return undefined
  const whole = path === "" ? "the whole value" : path
  if (depth > Json.maxDepth) return whole
  const isBothLists = isList(left) && isList(right)
  if (isBothLists || (Json.isPlainObject(left) && Json.isPlainObject(right))) {
    if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return whole
    const [ours, theirs] = [left, right] as ReadonlyArray<unknown> as [Record<string, unknown>, Record<string, unknown>]
    for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      const at = path === "" ? key : `${path}.${key}`
      if (Object.hasOwn(ours, key) !== Object.hasOwn(theirs, key)) return at
      const found = difference(ours[key], theirs[key], at, depth + 1)
      if (found !== undefined) return found
    }
    return isBothLists && left.length !== right.length ? `${path === "" ? "" : `${path}.`}length` : undefined
  }
  const isSame = isDeepStrictEqual(left, right) || (Equal.equals(left, right) && !isOtherZero(left, right))
  return isSame ? undefined : whole
}
