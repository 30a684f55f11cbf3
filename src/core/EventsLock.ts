/**
 * `EventsLock` remembers the stored form of every version of an aggregate's events, so that a form that changes without a
 * new version is found before a release writes it. It is a value for a file that is kept beside the code.
 */
import { hash } from "node:crypto"
import { JSONSchema, Schema } from "effect"
import type * as Event from "./Event.ts"

const LockedVersion = Schema.Struct({
  version: Schema.Int,
  /** SHA-256 of `form`, written with sorted keys. */
  fingerprint: Schema.String,
  /** JSON Schema of the stored form. */
  form: Schema.Unknown
})
const LockedEvent = Schema.Struct({
  name: Schema.String,
  versions: Schema.Array(LockedVersion)
})
/** The events of one aggregate. */
export const EventsLock = Schema.Struct({ aggregate: Schema.String, events: Schema.Array(LockedEvent) })
export type EventsLock = typeof EventsLock.Type

/** JSON with sorted keys: the same value gives the same text. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner
  )

/** What JSON Schema can say of the stored form; of a form beyond it, how the schema is written. */
const formOf = (schema: Schema.Schema.AnyNoContext): unknown => {
  const stored = Schema.encodedSchema(schema)
  try {
    return JSONSchema.make(stored)
  } catch {
    return String(stored.ast)
  }
}

/** An aggregate, as far as its lock goes. */
export interface Locked {
  readonly aggregate: string
  readonly events: ReadonlyArray<Event.Any>
}

export const of = ({ aggregate, events }: Locked): EventsLock => ({
  aggregate,
  events: events.map(({ forms, tag }) => ({
    name: tag,
    versions: forms.map((schema, index) => {
      const form = JSON.parse(canonical(formOf(schema))) as unknown
      return { version: index + 1, fingerprint: hash("sha256", canonical(form)), form }
    })
  }))
})

export interface Comparison {
  /** What must not be: stored events of these forms may exist. */
  readonly broken: ReadonlyArray<string>
  /** What the lock does not know yet. */
  readonly missing: ReadonlyArray<string>
}

/** Where an aggregate is not what its lock says. */
export const compare = (lock: EventsLock | undefined, aggregate: Locked): Comparison => {
  const broken: Array<string> = []
  const missing: Array<string> = []
  const now = of(aggregate)
  // A renamed event goes on with the versions of its former names.
  const current = new Map(
    aggregate.events.flatMap(({ formerTags, tag }, index) =>
      [tag, ...formerTags].map((name) => [name, now.events[index]?.versions ?? []] as const)
    )
  )
  for (const { name, versions } of lock?.events ?? []) {
    const found = current.get(name)
    if (found === undefined) broken.push(`${name} is no longer declared: rename it, split it or retire it instead`)
    for (const { fingerprint, version } of found === undefined ? [] : versions) {
      const form = found?.[version - 1]
      if (form === undefined) broken.push(`${name} version ${version} vanished: keep every version that was stored`)
      else if (form.fingerprint !== fingerprint) {
        broken.push(`${name} version ${version} has another stored form: give the new form a version of its own`)
      }
    }
  }
  const locked = new Map(lock?.events.map(({ name, versions }) => [name, versions.length]))
  for (const { name, versions } of now.events) {
    for (const { version } of versions.slice(locked.get(name) ?? 0))
      missing.push(`${name} version ${version} is not locked yet`)
  }
  return { broken, missing }
}
