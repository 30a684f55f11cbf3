/**
 * `ContractLock` remembers what an aggregate stores: its events, of each command the payload, the success and each
 * error that is kept, and the states of its snapshots, each with every version of its form and with what examples of it
 * read as. A form that changes without a new version is found before a release acts on it. It is a value for a file
 * beside the code.
 */
import type { Rpc } from "@effect/rpc"
import { Schema } from "effect"
import * as CommandIdentity from "./CommandIdentity.ts"
import type * as Event from "./Event.ts"
import * as EventHash from "./EventHash.ts"
import * as FormChange from "./FormChange.ts"
import * as LockText from "./LockText.ts"
import type { EventMetadata } from "./StoredEvent.ts"
import * as StoredForm from "./StoredForm.ts"
import * as StoredFormLock from "./StoredFormLock.ts"
import { StreamId } from "./StreamId.ts"

const Versions = Schema.Array(StoredFormLock.LockedVersion)
const LockedEvent = Schema.Struct({
  name: Schema.String,
  /** Names under which it was stored before it was renamed. */
  formerNames: Schema.Array(Schema.String),
  versions: Versions
})
const LockedCommand = Schema.Struct({
  name: Schema.String,
  /**
   * Set when no release has the command any more. Its answers are still stored, so a new command of the same name must
   * be able to read them.
   */
  removed: Schema.optionalWith(Schema.Literal(true), { exact: true }),
  payload: Schema.Struct({
    /**
     * For a payload with many fields, the order in which they were declared when it was locked first: what was stored
     * before there were rules of identity depends on it.
     */
    order: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
    versions: Versions
  }),
  success: Schema.Struct({ versions: Versions }),
  /** Those that are kept, by their tags. */
  errors: Schema.Array(Schema.Struct({ name: Schema.String, versions: Versions }))
})
type LockedCommand = typeof LockedCommand.Type
const LockedState = Schema.Struct({
  /** `snapshot.version` of the contract. */
  version: Schema.Int,
  /** What snapshots of it are marked with. */
  fingerprint: Schema.String,
  versions: Versions
})

/** The contract of one aggregate. A lock of before there were commands in it has its events alone. */
export const ContractLock = Schema.Struct({
  aggregate: Schema.String,
  events: Schema.Array(LockedEvent),
  commands: Schema.optionalWith(Schema.Array(LockedCommand), { exact: true }),
  state: Schema.optionalWith(LockedState, { exact: true })
})
export type ContractLock = typeof ContractLock.Type

/** The part of an aggregate that its lock needs; the class of an aggregate has all of it. */
export interface Locked {
  readonly aggregate: string
  readonly events: ReadonlyArray<Event.Any>
  readonly commands?: ReadonlyArray<Rpc.Any>
  readonly transientErrors?: ReadonlyArray<string>
  readonly formerOrders?: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>>
  readonly state?: Schema.Schema.AnyNoContext
  readonly snapshot?: { readonly version: number; readonly fingerprint: string }
}

type Declared = StoredFormLock.Declared
type AnySchema = Schema.Schema.AnyNoContext

/** What an upcaster of an event gets beside an example. */
const metadata: EventMetadata = {
  streamId: StreamId.make("example-1"),
  version: 1,
  position: 1,
  commandId: "example",
  correlationId: "example",
  causationId: null,
  traceparent: null,
  recordedAt: 1_709_209_800_000
}
const stored = { ...metadata, type: "Example", schemaVersion: 1, data: "{}", previousHash: EventHash.genesis, hash: "" }

const declaredEvent = (aggregate: string, { fate, forms, tag, upcasts }: Event.Any): Declared => ({
  place: `${aggregate} event ${tag}`,
  declaration: `Event.make(${JSON.stringify(tag)}, …)`,
  forms,
  upcasts,
  context: [stored],
  split: fate === undefined ? undefined : (last) => [...fate.split(last as never, stored)]
})

interface DeclaredError extends Declared {
  readonly name: string
  /** The tags of its versions. */
  readonly tags: ReadonlyArray<string | undefined>
}

interface DeclaredCommand {
  readonly name: string
  /** The fields of the payload, in their order. */
  readonly order: ReadonlyArray<string>
  readonly payload: Declared
  readonly success: Declared
  readonly errors: ReadonlyArray<DeclaredError>
}

const declaredCommand = (aggregate: string, rpc: Rpc.Any): DeclaredCommand => {
  // Each has its schemas; the type that all of them fit does not say so.
  const { _tag: name, errorSchema, payloadSchema, successSchema } = rpc as unknown as Rpc.AnyWithProps
  const payload = payloadSchema as AnySchema
  const part = (what: string, schema: AnySchema): Declared => {
    const history = StoredForm.historyOf(schema)
    const declaration = history.forms.length > 1 ? "its StoredForm" : "StoredForm.make(…)"
    return { place: `${aggregate} command ${name} ${what}`, declaration, ...history }
  }
  return {
    name,
    order: StoredForm.fieldsOf(payload),
    payload: { ...part("payload", payload), identity: StoredForm.identityOf(payload), mayGrow: true },
    success: part("success", successSchema as AnySchema),
    errors: StoredForm.membersOf(errorSchema as AnySchema).map((member) => {
      const tags = StoredForm.historyOf(member).forms.map(StoredForm.tagOf)
      const tag = tags.at(-1) ?? "without a tag"
      return { ...part(`error ${tag}`, member), name: tag, tags }
    })
  }
}

const declaredState = (aggregate: string, schema: AnySchema): Declared => ({
  place: `${aggregate} state`,
  declaration: "",
  forms: [schema],
  upcasts: []
})

/**
 * What the aggregate stores. `before` is its lock so far; what remains true of it, for example a command that was
 * removed, is kept.
 */
export const of = (aggregate: Locked, before?: ContractLock): ContractLock => {
  const { aggregate: name, commands = [], events, snapshot, state, transientErrors = [] } = aggregate
  const lockedCommands = commands.map((rpc): LockedCommand => {
    const { errors, order, payload, success, ...command } = declaredCommand(name, rpc)
    const known = before?.commands?.find((one) => one.name === command.name)
    // One that was kept before may stand in the store for ever.
    const isLocked = (name: string) => known?.errors.some((error) => error.name === name) === true
    const kept = errors.filter((error) => !transientErrors.includes(error.name) || isLocked(error.name))
    return {
      name: command.name,
      payload: {
        ...(order.length > CommandIdentity.maxPermuted ? { order: known?.payload.order ?? order } : {}),
        versions: StoredFormLock.of(payload)
      },
      success: { versions: StoredFormLock.of(success) },
      errors: kept.map((error) => ({ name: error.name, versions: StoredFormLock.of(error) }))
    }
  })
  const removed = (before?.commands ?? []).flatMap(
    (command): ReadonlyArray<LockedCommand> =>
      lockedCommands.some((one) => one.name === command.name) ? [] : [{ ...command, removed: true }]
  )
  return {
    aggregate: name,
    events: events.map((type) => ({
      name: type.tag,
      formerNames: type.formerTags,
      versions: StoredFormLock.of(declaredEvent(name, type))
    })),
    commands: [...lockedCommands, ...removed],
    ...(state === undefined || snapshot === undefined
      ? {}
      : {
          state: {
            version: snapshot.version,
            fingerprint: snapshot.fingerprint,
            versions: StoredFormLock.of(declaredState(name, state))
          }
        })
  }
}

export interface Comparison extends StoredFormLock.Findings {
  /** What changed, and needs nothing. */
  readonly notes: ReadonlyArray<string>
}

const compareEvents = (lock: ContractLock, aggregate: Locked, accepted: ReadonlyArray<string>): Comparison => {
  const { aggregate: name, events } = aggregate
  const broken: Array<string> = []
  const missing: Array<string> = []
  // A renamed event goes on with the versions of its former names.
  const current = new Map(events.flatMap((type) => [type.tag, ...type.formerTags].map((tag) => [tag, type] as const)))
  const locked = new Map(lock.events.map((event) => [event.name, event]))
  for (const event of lock.events) {
    const type = current.get(event.name)
    const place = `${name} event ${event.name}`
    if (type === undefined) {
      broken.push(`${place} is no longer declared: rename it, split it or retire it instead`)
      continue
    }
    for (const former of event.formerNames) {
      if (current.get(former) === type) continue
      broken.push(`${name} event ${former} is no longer read as ${event.name}: keep that it was renamed`)
    }
    const found = StoredFormLock.compare(event.versions, { ...declaredEvent(name, type), place }, accepted)
    broken.push(...found.broken)
    if (type.tag === event.name) missing.push(...found.missing)
  }
  for (const { formerTags, forms, tag } of events) {
    const known = locked.get(tag)
    if (known === undefined) {
      missing.push(...forms.map((_, index) => `${name} event ${tag} version ${index + 1} is not locked yet`))
    }
    for (const former of formerTags) {
      if (!known?.formerNames.includes(former)) {
        missing.push(`that ${name} event ${tag} was ${former} is not locked yet`)
      }
    }
  }
  return { broken, missing, notes: [] }
}

/** The fields of both, in the order of the first. */
const shared = (order: ReadonlyArray<string>, other: ReadonlyArray<string>): string =>
  order.filter((name) => other.includes(name)).join()

/** Commands of before there were rules of identity are recognized by the order of their fields. */
const compareOrder = (
  aggregate: Locked,
  { name, order }: DeclaredCommand,
  locked: ReadonlyArray<string> = []
): string | undefined => {
  const known = [order, ...(aggregate.formerOrders?.[name] ?? [])]
  if (known.some((each) => shared(each, locked) === shared(locked, order))) return undefined
  const entry = `{ ${name}: [${JSON.stringify(locked)}] }`
  return [
    `${aggregate.aggregate} command ${name} payload has its fields in another order, and retries of commands stored`,
    `before are recognized by the old one: add formerOrders: ${entry} to the contract`
  ].join(" ")
}

const compareCommands = (lock: ContractLock, aggregate: Locked, accepted: ReadonlyArray<string>): Comparison => {
  const { aggregate: name, commands = [], transientErrors = [] } = aggregate
  const broken: Array<string> = []
  const missing: Array<string> = []
  const current = new Map(commands.map((rpc) => [rpc._tag, declaredCommand(name, rpc)] as const))
  const take = (found: StoredFormLock.Findings) => {
    broken.push(...found.broken)
    missing.push(...found.missing)
  }
  for (const locked of lock.commands ?? []) {
    const command = current.get(locked.name)
    if (command === undefined) {
      if (locked.removed === undefined)
        missing.push(`that ${name} command ${locked.name} was removed is not locked yet`)
      continue
    }
    if (locked.removed === true) missing.push(`that ${name} command ${locked.name} is back is not locked yet`)
    take(StoredFormLock.compare(locked.payload.versions, command.payload, accepted))
    const order = compareOrder(aggregate, command, locked.payload.order)
    if (order !== undefined) broken.push(order)
    take(StoredFormLock.compare(locked.success.versions, command.success, accepted))
    const known = new Set<DeclaredError>()
    for (const error of locked.errors) {
      const place = `${name} command ${locked.name} error ${error.name}`
      // One that got another name has the former one in the tags of its versions.
      const found =
        command.errors.find((one) => one.name === error.name) ??
        command.errors.find(({ tags }) => tags.includes(error.name))
      if (found === undefined) {
        const versions = `StoredForm.make(${error.name}).next(…)`
        const toDo = `declare it again, or give what it became its versions with ${versions}`
        broken.push(`${place} is no longer declared, and is kept as an answer: ${toDo}`)
        continue
      }
      known.add(found)
      take(StoredFormLock.compare(error.versions, { ...found, place }, accepted))
    }
    for (const error of command.errors) {
      if (known.has(error) || transientErrors.includes(error.name)) continue
      missing.push(`${error.place} is not locked yet`)
    }
  }
  const locked = new Set(lock.commands?.map((command) => command.name))
  for (const command of current.keys()) {
    if (!locked.has(command)) missing.push(`${name} command ${command} is not locked yet`)
  }
  return { broken, missing, notes: [] }
}

const compareState = (lock: ContractLock, { aggregate, snapshot, state }: Locked): Comparison => {
  if (snapshot === undefined || state === undefined) return { broken: [], missing: [], notes: [] }
  const declared = declaredState(aggregate, state)
  const { place } = declared
  if (lock.state === undefined) return { broken: [], missing: [`${place} is not locked yet`], notes: [] }
  const { fingerprint, version, versions } = lock.state
  if (snapshot.version < version) {
    const what = `${place} has snapshot.version ${snapshot.version} and had ${version}`
    const line = `${what}: never lower it, or old snapshots are used again`
    return { broken: [line], missing: [], notes: [] }
  }
  if (snapshot.fingerprint === fingerprint) {
    const isSame = StoredFormLock.compare(versions, declared, []).broken.length === 0
    const line = `${place} is read otherwise from snapshots than it was: raise snapshot.version to ${version + 1}`
    return { broken: isSame ? [] : [line], missing: [], notes: [] }
  }
  const changes = FormChange.of(versions[0]?.form, StoredFormLock.formOf(state)).map(({ text }) => text)
  const what = snapshot.version > version ? [`snapshot.version ${snapshot.version}`, ...changes] : changes
  const why = what.length === 0 ? "" : `: ${what.join(", ")}`
  return { broken: [], missing: [], notes: [`${place} is another one${why}; its snapshots are made again`] }
}

/**
 * Where an aggregate is not what its lock says, each in one line with what to do. For `accepted` see
 * `StoredFormLock.compare`.
 */
export const compare = (
  lock: ContractLock | undefined,
  aggregate: Locked,
  accepted: ReadonlyArray<string> = []
): Comparison => {
  const known = lock ?? { aggregate: aggregate.aggregate, events: [] }
  const all = [
    compareEvents(known, aggregate, accepted),
    compareCommands(known, aggregate, accepted),
    compareState(known, aggregate)
  ]
  return {
    broken: all.flatMap(({ broken }) => broken),
    missing: all.flatMap(({ missing }) => missing),
    notes: all.flatMap(({ notes }) => notes)
  }
}

const Locks = Schema.Array(ContractLock)

/** The text of a lock file. */
export const toText = (locks: ReadonlyArray<ContractLock>): string => LockText.write(Schema.encodeSync(Locks)(locks))

/** Throws where the text is not that of a lock file. */
export const fromText = (text: string): ReadonlyArray<ContractLock> =>
  Schema.decodeUnknownSync(Locks)(LockText.read(text))
