/**
 * `LockText` is the text of a lock file, for people who read what changed in it: what fits in a line stands in one, and
 * what several parts of it share, such as an answer that all commands give, is written once.
 */
import * as Json from "./Json.ts"

/** Longest line, in characters. */
const width = 118
/** Shortest list of versions that is not written twice, in characters. */
const leastShared = 200

const isCompound = (value: unknown): boolean => typeof value === "object" && value !== null

const inline = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`
  if (!Json.isPlainObject(value)) return JSON.stringify(value)
  const entries = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${inline(inner)}`)
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`
}

const layout = (value: unknown, indent: string, before: number): string => {
  const line = inline(value)
  // Where there are several objects, each has its own line.
  const isSplit = Array.isArray(value) && value.length > 1 && value.every(isCompound)
  if (!isCompound(value) || line.length < 3 || (!isSplit && before + line.length <= width)) return line
  const deeper = `${indent}  `
  const parts = Array.isArray(value)
    ? value.map((inner) => `${deeper}${layout(inner, deeper, deeper.length)}`)
    : Object.entries(value as object).map(([key, inner]) => {
        const start = `${deeper}${JSON.stringify(key)}: `
        return `${start}${layout(inner, deeper, start.length)}`
      })
  const [open, close] = Array.isArray(value) ? "[]" : "{}"
  return `${open}\n${parts.join(",\n")}\n${indent}${close}`
}

type Change = (versions: unknown, name: string) => unknown

/** The lock with the versions of each part of its commands changed; a part has a name such as `Open success`. */
const changeVersions = (lock: unknown, change: Change): unknown => {
  if (!Json.isPlainObject(lock) || !Array.isArray(lock.commands)) return lock
  const part = (value: unknown, name: string) =>
    Json.isPlainObject(value) ? { ...value, versions: change(value.versions, name) } : value
  const commands = lock.commands.map((command: unknown) => {
    if (!Json.isPlainObject(command)) return command
    const { errors, name, payload, success } = command
    return {
      ...command,
      payload: part(payload, `${name} payload`),
      success: part(success, `${name} success`),
      errors: Array.isArray(errors) ? errors.map((error) => part(error, `${name} error ${error?.name}`)) : errors
    }
  })
  return { ...lock, commands }
}

const reference = "as "

const shorten = (lock: unknown): unknown => {
  const seen = new Map<string, string>()
  return changeVersions(lock, (versions, name) => {
    const text = JSON.stringify(versions)
    const known = seen.get(text)
    if (known !== undefined) return `${reference}${known}`
    if (text.length >= leastShared) seen.set(text, name)
    return versions
  })
}

const restore = (lock: unknown): unknown => {
  const seen = new Map<string, unknown>()
  return changeVersions(lock, (versions, name) => {
    if (typeof versions === "string") return seen.get(versions.slice(reference.length))
    seen.set(name, versions)
    return versions
  })
}

export const write = (locks: ReadonlyArray<unknown>): string => `${layout(locks.map(shorten), "", 0)}\n`

/** Throws where it is not JSON. */
export const read = (text: string): unknown => {
  const json: unknown = JSON.parse(text)
  return Array.isArray(json) ? json.map(restore) : json
}
