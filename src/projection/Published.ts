/**
 * `Published` is what an application lets clients do with an aggregate: which commands they may send, and the status of
 * each refusal over HTTP. A command that is not marked has no route: a step of a process is sent only by that process.
 */
import type { Rpc } from "@effect/rpc"
import { type Context, type Effect, Schema } from "effect"
import type { RuntimeError } from "../core/ActorError.ts"
import type { AggregateClass, CommandOptions, ErrorTag, Reply } from "../core/Aggregate.ts"
import type { Committed } from "../core/Definition.ts"

export interface Options<R extends Rpc.Any> {
  /** The commands that clients may send. Default: none, and then the aggregate is only read. */
  readonly public?: ReadonlyArray<R["_tag"]>
  /** The status of a refusal, by the tag of its error: 400 to 499. Default: 409. */
  readonly statuses?: { readonly [T in ErrorTag<R>]?: number }
}

/** A command as a contract declares it, its types forgotten. */
export interface PublicCommand {
  readonly name: string
  readonly payload: Schema.Schema.AnyNoContext
  readonly success: Schema.Schema.AnyNoContext
  readonly error: Schema.Schema.AnyNoContext
}

/** The actor of an aggregate, its types forgotten: what is sent to it was decoded by its own schemas. */
export interface AnyRef {
  readonly ask: (
    command: string,
    payload: unknown,
    options: CommandOptions
  ) => Effect.Effect<Reply<unknown, unknown>, RuntimeError>
  readonly state: Effect.Effect<Committed<unknown>, RuntimeError>
}

export interface Published {
  readonly name: string
  /** The aggregate's id, from the text in a path. */
  readonly id: Schema.Schema<unknown, string>
  readonly state: Schema.Schema.AnyNoContext
  /** Those that clients may send, by name. */
  readonly commands: ReadonlyMap<string, PublicCommand>
  readonly statusOf: (errorTag: string) => number
  /** What the application's layer provides for it. */
  readonly service: Context.Tag<unknown, (id: unknown) => AnyRef>
}

/** Something was published that cannot be; found when the application is put together. */
export class InvalidPublication extends Error {
  override readonly name = "InvalidPublication"
}

const defaultStatus = 409

/** What the command of a contract takes and answers; its schemas need no services, as the contract has checked. */
export const commandOf = ({
  _tag: name,
  errorSchema,
  payloadSchema,
  successSchema
}: Rpc.AnyWithProps): PublicCommand => ({
  name,
  payload: Schema.make<unknown, unknown>(payloadSchema.ast),
  success: Schema.make<unknown, unknown>(successSchema.ast),
  error: Schema.make<unknown, unknown>(errorSchema.ast)
})

export const make = <Name extends string, Id, S, E extends { readonly _tag: string }, R extends Rpc.Any>(
  contract: AggregateClass<Name, Id, S, E, R>,
  errorTags: ReadonlySet<string>,
  options: Options<R> = {}
): Published => {
  const name: string = contract.aggregate
  const rpcs = contract.commands as ReadonlyArray<unknown> as ReadonlyArray<Rpc.AnyWithProps>
  const known = new Map(rpcs.map((rpc): [string, Rpc.AnyWithProps] => [rpc._tag, rpc]))
  const commands = new Map<string, PublicCommand>()
  for (const tag of options.public ?? []) {
    const rpc = known.get(tag)
    if (rpc === undefined) throw new InvalidPublication(`${name} has no command ${tag} to make public`)
    commands.set(tag, commandOf(rpc))
  }
  const statuses = new Map(Object.entries<number | undefined>(options.statuses ?? {}))
  for (const [tag, status] of statuses) {
    if (!errorTags.has(tag))
      throw new InvalidPublication(`no command of ${name} has the error ${tag}, which has a status`)
    if (status === undefined || !Number.isInteger(status) || status < 400 || status > 499) {
      throw new InvalidPublication(`${name}: the status of ${tag} is a number from 400 to 499, not ${status}`)
    }
  }
  return {
    name,
    id: contract.id as Schema.Schema<unknown, string>,
    state: contract.state,
    commands,
    statusOf: (tag) => statuses.get(tag) ?? defaultStatus,
    // A context knows only its key.
    service: contract as unknown as Published["service"]
  }
}
