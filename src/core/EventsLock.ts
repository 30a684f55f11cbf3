/**
 * `EventsLock` remembers the stored form of every version of an aggregate's events, so that a form that changes without a
 * new version is found before a release writes it. It is a value for a file that is kept beside the code.
 */
import { hash } from "node:crypto"
import { Schema } from "effect"
import type * as Event from "./Event.ts"
import * as SchemaForm from "./SchemaForm.ts"

const LockedVersion = Schema.Struct({
  version: Schema.Int,
  /** SHA-256 of `form`. */
  fingerprint: Schema.String,
  /** JSON Schema of the stored form, as `SchemaForm` writes it: with its bounds, without its remarks. */
  form: Schema.Unknown
})
const LockedEvent = Schema.Struct({
  name: Schema.String,
  /** Names under which it was stored before it was renamed. */
  formerNames: Schema.Array(Schema.String),
  versions: Schema.Array(LockedVersion)
})
/** The events of one aggregate. */
export const EventsLock = Schema.Struct({ aggregate: Schema.String, events: Schema.Array(LockedEvent) })
export type EventsLock = typeof EventsLock.Type

/** An aggregate, as far as its lock goes. */
export interface Locked {
  readonly aggregate: string
  readonly events: ReadonlyArray<Event.Any>
}

export const of = ({ aggregate, events }: Locked): EventsLock => ({
  aggregate,
  events: events.map(({ formerTags, forms, tag }) => ({
    name: tag,
    formerNames: formerTags,
    versions: forms.map((schema, index) => {
      // A bound belongs to the form: when it is narrowed, what was stored may be out of it.
      const form = SchemaForm.of(Schema.encodedBoundSchema(schema))
      return { version: index + 1, fingerprint: hash("sha256", JSON.stringify(form)), form }
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
  for (const { formerNames, name, versions } of lock?.events ?? []) {
    const found = current.get(name)
    if (found === undefined) broken.push(`${name} is no longer declared: rename it, split it or retire it instead`)
    for (const former of formerNames) {
      if (current.get(former) !== found) broken.push(`${former} is no longer read as ${name}: keep that it was renamed`)
    }
    for (const { fingerprint, version } of found === undefined ? [] : versions) {
      const form = found?.[version - 1]
      if (form === undefined) broken.push(`${name} version ${version} vanished: keep every version that was stored`)
      else if (form.fingerprint !== fingerprint) {
        broken.push(`${name} version ${version} has another stored form: give the new form a version of its own`)
      }
    }
  }
  const locked = new Map(lock?.events.map((event) => [event.name, event]))
  for (const { formerNames, name, versions } of now.events) {
    const known = locked.get(name)
    for (const { version } of versions.slice(known?.versions.length ?? 0)) {
      missing.push(`${name} version ${version} is not locked yet`)
    }
    for (const former of formerNames) {
      if (!known?.formerNames.includes(former)) missing.push(`that ${name} was ${former} is not locked yet`)
    }
  }
  return { broken, missing }
}
