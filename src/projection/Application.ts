/**
 * `Application` names the parts of a program once: aggregates with their behaviour, projections, reactions, invariants,
 * formats of import, and an HTTP API of its own. The command line, the HTTP server and verification take the parts from
 * here and know none by name.
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import type { Rpc } from "@effect/rpc"
import { Effect, Layer } from "effect"
import type { ActorSystem } from "../core/ActorSystem.ts"
import type * as Aggregate from "../core/Aggregate.ts"
import type { Locked } from "../core/ContractLock.ts"
import type { AnyDefinition } from "../core/Definition.ts"
import type { EventStore } from "../core/EventStore.ts"
import type * as Metadata from "../core/Metadata.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { ConsoleWords } from "./ConsoleWords.ts"
import type { ImportFormat } from "./ImportFormat.ts"
import type * as Invariant from "./Invariant.ts"
import * as PendingTimers from "./PendingTimers.ts"
import type * as Projection from "./Projection.ts"
import type { StartRequired } from "./ProjectionError.ts"
import type { ProjectionStore } from "./ProjectionStore.ts"
import type { Projections } from "./Projections.ts"
import * as Published from "./Published.ts"
import * as Reaction from "./Reaction.ts"
import { Timer } from "./Timer.ts"
import * as Timers from "./Timers.ts"

/** What a tool needs of a contract: to lock what it stores, and to read it. */
export type Contract = Locked & Pick<AnyDefinition, "codec">

/** An aggregate with its behaviour. `P` is the service that its layer provides. */
export interface AggregatePart<in P = never> {
  readonly contract: Contract
  readonly definition: AnyDefinition
  readonly layer: Layer.Layer<P, never, ActorSystem>
  readonly published: Published.Published
}

export interface AggregateOptions<Name extends string, R extends Rpc.Any> extends Published.Options<R> {
  /** How it runs where the behaviour needs services. Default: with the behaviour as it is. */
  readonly layer?: Layer.Layer<Aggregate.Service<Name>, never, ActorSystem>
}

/** An HTTP API of the application's own: `HttpPart.make` of `daybook/http` makes it. */
export interface HttpPart<out R = unknown> {
  readonly api: HttpApi.HttpApi.AnyWithProps
  /** Answers the groups of the API. `R` is what they need of the application. */
  readonly handlers: Layer.Layer<never, never, R>
  /** Codes of problems that the API may answer, beside those of every application, for its documentation. */
  readonly problems: ReadonlyArray<string>
  readonly description: string
}

/** A verb of the application's own: `Verb.make` of `daybook/cli` makes it. */
export interface Verb {
  readonly "daybook/cli/Verb": true
  /** A command of `@effect/cli`, which this floor does not know. */
  readonly command: unknown
}

/** What an application runs on. */
export type Runtime = ActorSystem | EventStore | ProjectionStore

export interface Application<in P = never> {
  readonly "daybook/projection/Application": true
  /** Of its program and of its document. */
  readonly name: string
  /** One sentence. */
  readonly description: string
  readonly aggregates: ReadonlyArray<AggregatePart>
  readonly projections: ReadonlyArray<Projection.Any>
  readonly reactions: ReadonlyArray<Reaction.Any>
  /** What must hold at every place of the log; `daybook verify` checks it. */
  readonly invariants: ReadonlyArray<Invariant.Any>
  /** The aggregate whose stream it is; undefined where the stream is of none of them. */
  readonly ofStream: (streamId: string) => AggregatePart | undefined
  /** Aggregates and services alone, for programs that only look: nothing reacts. */
  readonly services: Layer.Layer<P, never, Runtime>
  /**
   * Aggregates, services and reactions, which run while the layer's scope is open; fails where one does not say where
   * to begin.
   */
  readonly layer: Layer.Layer<P, StartRequired, Runtime>
  readonly imports: ReadonlyArray<ImportFormat<ActorSystem>>
  /** What is noted with its commands beside their payloads; undefined where nothing is. */
  readonly metadata: Metadata.Any | undefined
  /** How its things are called in the console. */
  readonly console: ConsoleWords
  /** Loaded by the command line alone. */
  readonly verbs: () => ReadonlyArray<Verb> | Promise<ReadonlyArray<Verb>>
  /** Loaded by the server alone. */
  readonly http: (() => HttpPart | Promise<HttpPart>) | undefined
}

/** Two parts of an application cannot be told apart. */
export class InvalidApplication extends Error {
  override readonly name = "InvalidApplication"
}

/** The aggregate with what it does, and what clients may do with it: by default nothing but read. */
export const aggregate = <Name extends string, Id, S, E extends { readonly _tag: string }, R extends Rpc.Any>(
  contract: Aggregate.AggregateClass<Name, Id, S, E, R>,
  behaviour: NoInfer<Aggregate.Behaviour<S, E, R, Name>>,
  options: AggregateOptions<Name, NoInfer<R>> = {}
): AggregatePart<Aggregate.Service<Name>> => {
  const definition = contract.define(behaviour)
  return {
    contract,
    definition,
    layer: options.layer ?? contract.toLayer(behaviour),
    published: Published.make(contract, definition.commands.errorTags, options)
  }
}

type ServiceOf<Part> = Part extends AggregatePart<infer P> ? P : never

/** The parts as a program declares them. `Parts` are the aggregates, `S` is what the services provide. */
export interface Parts<Aggregates extends ReadonlyArray<AggregatePart>, S> {
  readonly name: string
  readonly description?: string
  readonly aggregates: Aggregates
  readonly projections?: ReadonlyArray<Projection.Any>
  /** What reactions and the API need beside the aggregates. */
  readonly services?: Layer.Layer<S, never, ServiceOf<Aggregates[number]> | Runtime>
  // biome-ignore lint/suspicious/noExplicitAny: the events are contravariant; no other bound takes every reaction.
  readonly reactions?: ReadonlyArray<Reaction.Reaction<any, ServiceOf<Aggregates[number]> | NoInfer<S> | Runtime>>
  /** What holds over several aggregates, at every place of the log. `daybook verify` looks. */
  readonly invariants?: ReadonlyArray<Invariant.Any>
  /** What may be noted with each command. Default: nothing. Over HTTP it comes in the field `Daybook-Metadata`. */
  readonly metadata?: Metadata.Any
  readonly imports?: ReadonlyArray<ImportFormat<ServiceOf<Aggregates[number]> | ActorSystem>>
  /** How its things are called in the console. Default: by their names. */
  readonly console?: ConsoleWords
  readonly verbs?: () => ReadonlyArray<Verb> | Promise<ReadonlyArray<Verb>>
  readonly http?: () => OwnHttp<ServiceOf<Aggregates[number]> | NoInfer<S>>
}

type OfApplication<P> = HttpPart<P | Runtime | SnapshotStore | Projections>
type OwnHttp<P> = OfApplication<P> | Promise<OfApplication<P>>

const twice = (names: ReadonlyArray<string>): string | undefined => {
  const seen = new Set<string>()
  return names.find((name) => seen.size === seen.add(name).size)
}

const check = (what: string, names: ReadonlyArray<string>): void => {
  const name = twice(names)
  if (name !== undefined) throw new InvalidApplication(`two ${what} are called ${name}; give each a name of its own`)
}

/** Streams are told apart by the aggregate's name before the id; a name has no hyphen. */
const nameIn = (streamId: string): string => streamId.slice(0, streamId.indexOf("-"))

/**
 * Throws `InvalidApplication` where two parts have one name, `AmbiguousEvent` where one names an event of two
 * aggregates.
 */
export const make = <const Aggregates extends ReadonlyArray<AggregatePart>, S = never>(
  parts: Parts<Aggregates, S>
): Application<ServiceOf<Aggregates[number]> | S> => {
  type P = ServiceOf<Aggregates[number]>
  const { description = "", http, imports = [], name, verbs = () => [] } = parts
  // Their types say more than those of the declared list, whose services are any of them.
  const aggregates: ReadonlyArray<AggregatePart> = parts.aggregates
  // The aggregates that their events belong to are looked up among these.
  const contracts = aggregates.map(({ contract }) => contract)
  const hasTimers = aggregates.some(({ contract }) => contract === Timer)
  const projections = [...(parts.projections ?? []), ...(hasTimers ? [PendingTimers.projection] : [])].map(
    (each): Projection.Any => ({ ...each, selection: each.selection.within(contracts) })
  )
  const reactions = [...(parts.reactions ?? []), ...(hasTimers ? [Timers.reactionOf(aggregates)] : [])].map((each) => ({
    ...each,
    selection: each.selection.within(contracts)
  }))
  const invariants = (parts.invariants ?? []).map((each) => ({
    ...each,
    selection: each.selection.within(contracts)
  }))
  const byName = new Map(aggregates.map((part) => [nameIn(part.definition.streamId("")), part]))
  check(
    "aggregates",
    aggregates.map(({ definition }) => nameIn(definition.streamId("")))
  )
  check(
    "projections or reactions",
    [...projections, ...reactions].map((each) => each.name)
  )
  check(
    "tables",
    projections.flatMap(({ tables }) => tables)
  )
  check(
    "invariants",
    invariants.map(({ name }) => name)
  )
  check(
    "formats of import",
    imports.map((format) => format.name)
  )

  const ofAggregates = aggregates.reduce<Layer.Layer<never, never, ActorSystem>>(
    (all, { layer }) => Layer.merge(all, layer),
    Layer.empty
  ) as Layer.Layer<P, never, ActorSystem>
  const services = parts.services ?? (Layer.empty as Layer.Layer<S>)
  const withoutReactions = Layer.provideMerge(services, ofAggregates) as Layer.Layer<P | S, never, Runtime>
  const ofReactions = reactions.reduce<Layer.Layer<never, StartRequired, P | S | Runtime>>(
    (all, reaction) => Layer.merge(all, Reaction.layer(reaction)),
    // Its timers are among the aggregates.
    hasTimers ? (Timers.driver as Layer.Layer<never, never, P | Runtime>) : Layer.empty
  )
  return {
    "daybook/projection/Application": true,
    name,
    description,
    aggregates,
    projections,
    reactions,
    invariants,
    ofStream: (streamId) => byName.get(nameIn(streamId)),
    services: withoutReactions,
    layer: Layer.provideMerge(ofReactions, withoutReactions),
    imports: imports.map((format) => ({
      ...format,
      run: (source, given) => Effect.provide(format.run(source, given), ofAggregates)
    })),
    metadata: parts.metadata,
    console: parts.console ?? {},
    verbs,
    http
  }
}

/** Whether a value, such as an export of a module, is an application. */
export const isApplication = (value: unknown): value is Application =>
  typeof value === "object" && value !== null && "daybook/projection/Application" in value
