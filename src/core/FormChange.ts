/** `FormChange` says in which fields a stored form, as `SchemaForm` writes it, differs from what it was. */
import * as Json from "./Json.ts"
import * as SchemaForm from "./SchemaForm.ts"

export interface FormChange {
  /** Such as `amount is new and required`. */
  readonly text: string
  /** Whether it is a field that may be missing, and was not there: what was stored still fits, and says the same. */
  readonly isAddition: boolean
}

type Form = Readonly<Record<string, unknown>>

/** Longest part of a form that is quoted, in characters. */
const maxQuoted = 80

export const quote = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing"
  return text.length > maxQuoted ? `${text.slice(0, maxQuoted)}…` : text
}

const isSame = (left: unknown, right: unknown): boolean => Json.canonical(left) === Json.canonical(right)

interface Struct {
  readonly properties: Form
  readonly required: ReadonlySet<unknown>
  /** All else that it says. */
  readonly rest: Form
}

/** How `JSONSchema` writes a struct without fields. */
const emptyId = "/schemas/%7B%7D"

const structOf = (form: Form): Struct | undefined => {
  if (form.$id === emptyId) {
    return { properties: {}, required: new Set(), rest: { additionalProperties: false, type: "object" } }
  }
  const { properties, required, ...rest } = form
  return Json.isPlainObject(properties)
    ? { properties, required: new Set(Array.isArray(required) ? required : []), rest }
    : undefined
}

const between = (was: unknown, is: unknown, at: string): ReadonlyArray<FormChange> => {
  if (isSame(was, is)) return []
  const whole = [{ text: `${at === "" ? "it" : at} was ${quote(was)} and is ${quote(is)}`, isAddition: false }]
  if (!Json.isPlainObject(was) || !Json.isPlainObject(is)) return whole
  const [before, after] = [structOf(was), structOf(is)]
  if (before !== undefined && after !== undefined && isSame(before.rest, after.rest)) {
    return [...new Set([...Object.keys(before.properties), ...Object.keys(after.properties)])].flatMap((name) => {
      const path = at === "" ? name : `${at}.${name}`
      const change = (text: string, isAddition = false) => [{ text: `${path} ${text}`, isAddition }]
      const isRequired = after.required.has(name)
      if (!Object.hasOwn(before.properties, name)) {
        return isRequired ? change("is new and required") : change("is new", true)
      }
      if (!Object.hasOwn(after.properties, name)) return change("is gone")
      const flipped = before.required.has(name) !== isRequired
      return [
        ...(flipped ? change(isRequired ? "is required now" : "may be missing now") : []),
        ...between(before.properties[name], after.properties[name], path)
      ]
    })
  }
  const { items: itemsBefore, ...restBefore } = was
  const { items: itemsAfter, ...restAfter } = is
  const isList = Json.isPlainObject(itemsBefore) && Json.isPlainObject(itemsAfter) && isSame(restBefore, restAfter)
  return isList ? between(itemsBefore, itemsAfter, `${at}[]`) : whole
}

/** Nothing where both take the same values, whatever the schemas are named and in whatever order their fields stand. */
export const of = (was: unknown, is: unknown): ReadonlyArray<FormChange> =>
  between(SchemaForm.nameless(was), SchemaForm.nameless(is), "")
