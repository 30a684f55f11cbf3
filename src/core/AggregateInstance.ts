/**
 * `AggregateInstance` is one aggregate as its callers see it: its commands under their names, its state, and its
 * events. A command is checked here, given what it needs to know of its caller, and sent to the actor system.
 */
import type { Rpc } from "@effect/rpc"
import { Chunk, Context, Effect, Either, Option, Stream } from "effect"
import type { RuntimeError } from "./ActorError.ts"
import type { ActorSystem, Answer } from "./ActorSystem.ts"
import type { Ask, Methods } from "./AggregateRef.ts"
import { Causation } from "./Causation.ts"
import type { CommandCodec } from "./CommandCodec.ts"
import * as CommandId from "./CommandId.ts"
import * as Damage from "./Damage.ts"
import type { Committed } from "./Definition.ts"
import type { EventCodec } from "./EventCodec.ts"
import type { DecodeError } from "./EventError.ts"
import * as EventHash from "./EventHash.ts"
import type { ReadError } from "./EventStore.ts"
import * as KeptPayload from "./KeptPayload.ts"
import { CurrentMetadata } from "./Metadata.ts"
import { Principal } from "./Principal.ts"
import type { Step } from "./Recorded.ts"
import { CurrentStatements } from "./Statements.ts"
import { InvalidArgument } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"
import * as Traces from "./Traces.ts"

export interface CommandOptions {
  /**
   * Unique in the whole log: the same id with the same command gets the first answer, with another one
   * `CommandIdReused`. 1 to 255 characters. Default: a new one.
   */
  readonly commandId?: string
  /** The version that the aggregate must have when the command is decided, else `WrongExpectedVersion`. */
  readonly expectedVersion?: number
  /**
   * What "the same command" means where the payload does not say it: the same aggregate, id, command and fingerprint.
   * Default: the same aggregate, id, command and fields, as they were given.
   */
  readonly fingerprint?: string
  /**
   * What the caller said, as JSON, where your code has filled in fields of the payload that the caller left out: an
   * HTTP server that decoded a body passes the body on here. Fields that it lacks are not part of what the command is.
   * Default: the payload.
   */
  readonly said?: unknown
  /**
   * The fingerprint that an earlier release of your code gave to this command, so that what was stored under it is
   * recognized.
   */
  readonly formerFingerprint?: string
  /**
   * The conversation that the command belongs to. Default: within a reaction that of its event, otherwise the command's
   * own id.
   */
  readonly correlationId?: string
  /**
   * The event that caused it, as `STREAM@VERSION`: see `Causation.ts`. Default: within a reaction its event, else none.
   */
  readonly causationId?: string
}

/** One aggregate, by its id: its commands under their names, and what can be read of it. */
export type Ref<S, E, R extends Rpc.Any> = RefOf<string, S, E, R>

/** `Ref` with the name of the aggregate, which the compiler shows where a command is asked that it does not have. */
export type RefOf<_Name extends string, S, E, R extends Rpc.Any> = Methods<R, CommandOptions, RuntimeError> & {
  readonly ask: Ask<R, CommandOptions, RuntimeError>
  /** The committed state with its version and position; the initial one with version 0 where nothing happened yet. */
  readonly state: Effect.Effect<Committed<S>, RuntimeError>
  /** Its events after a version (default: all), and then each new one as it is stored. */
  readonly changes: (after?: number) => Stream.Stream<Step<E>, ReadError | DecodeError>
}

/** What instances of one aggregate have in common. */
interface Kind<S, E extends { readonly _tag: string }> {
  readonly name: string
  readonly codec: EventCodec<E>
  readonly commands: CommandCodec
  readonly streamOf: (id: string) => StreamId
  /** The state as a reader gets it. */
  readonly lend: (state: S) => S
}

/** One instance of the aggregate, and where its commands go. */
export interface Target {
  readonly system: ActorSystem["Type"]
  readonly keepsPayloads: boolean
  /** Encoded. */
  readonly id: string
}

const traceparentOf = (span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }) =>
  `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`

const own = ({ outcome, value }: Answer) => (outcome === "success" ? Effect.succeed(value) : Effect.fail(value))

/** The class of the instances: each a `Ref`, with a method for each command of the kind. */
export const of = <S, E extends { readonly _tag: string }>({ codec, commands, lend, name, streamOf }: Kind<S, E>) => {
  const send = <A>(
    target: Target,
    tag: string,
    given: unknown,
    options: CommandOptions | undefined,
    onAnswer: (answer: Answer, commandId: string) => Effect.Effect<A, unknown>,
    isInSpan = false
  ): Effect.Effect<A, unknown> =>
    Effect.withFiberRuntime((fiber) => {
      if (!isInSpan && Context.get(fiber.currentContext, Traces.Traced)) {
        return Traces.command(name, tag, send(target, tag, given, options, onAnswer, true))
      }
      const { id, keepsPayloads, system } = target
      const commandId = options?.commandId ?? CommandId.make()
      const received = commands.receive(tag, id, given, commandId, options)
      if (Either.isLeft(received)) return received.left
      const expectedVersion = options?.expectedVersion
      if (expectedVersion !== undefined && !(Number.isSafeInteger(expectedVersion) && expectedVersion >= 0)) {
        return new InvalidArgument({ argument: "expectedVersion", reason: "is not 0 or a positive integer" })
      }
      const { earlier, fingerprint, payload, stored } = received.right
      const span = fiber.currentSpan
      const sender = Context.get(fiber.currentContext, Principal)
      const cause = Context.get(fiber.currentContext, Causation)
      const answer = system.ask({
        aggregate: name,
        id,
        command: tag,
        payload,
        commandId,
        retryable: options?.commandId !== undefined,
        fingerprint,
        // Nothing can have been stored under an id that was made for it.
        earlier: options?.commandId === undefined ? undefined : earlier,
        expectedVersion,
        correlationId: options?.correlationId ?? cause?.correlationId ?? commandId,
        causationId: options?.causationId ?? cause?.causationId ?? null,
        traceparent: span === undefined ? null : traceparentOf(span),
        principal: sender === null ? null : sender.name,
        isPersonal: sender?.isPersonal === true,
        // A caller that chose no id cannot ask about it.
        kept: keepsPayloads && options?.commandId !== undefined ? KeptPayload.write(stored) : undefined,
        metadata: Context.get(fiber.currentContext, CurrentMetadata),
        statements: Context.get(fiber.currentContext, CurrentStatements) ?? undefined
      })
      return Effect.flatMap(answer, (given) => onAnswer(given, commandId))
    })

  const changesOf = ({ id, system }: Target, after: number): Stream.Stream<Step<E>, ReadError | DecodeError> =>
    Stream.suspend(() => {
      let version = Math.max(0, after)
      // The hash at a place within the stream is not known, so the one that the first event names is taken.
      let hash = version === 0 ? EventHash.genesis : undefined
      const next = Effect.gen(function* () {
        const events: Array<Step<E>> = []
        const page = yield* system.store.readStream(streamOf(id), { from: version + 1 })
        for (const stored of page.events) {
          const damaged = Damage.ofLink({ version, hash: hash ?? stored.previousHash }, stored)
          if (damaged !== undefined) return yield* damaged
          events.push({ events: yield* codec.decode(stored), stored })
          version = stored.version
          hash = stored.hash
        }
        return [Chunk.unsafeFromArray(events), Option.liftPredicate(0, () => page.more)] as const
      })
      // Woken by commits of this process, and each second for those of another.
      return Stream.merge(system.store.commits, Stream.tick("1 second")).pipe(
        Stream.flatMap(() => Stream.paginateChunkEffect(0, () => next))
      )
    })

  // Methods are made when they are asked for: a caller usually makes an instance for one of many commands.
  return class Instance {
    readonly #target: Target

    constructor(target: Target) {
      this.#target = target
    }

    static {
      for (const tag of commands.tags) {
        Object.defineProperty(Instance.prototype, tag, {
          get(this: Instance) {
            const target = this.#target
            return (payload: unknown, options?: CommandOptions) => send(target, tag, payload, options, own)
          }
        })
      }
    }

    get ask() {
      const target = this.#target
      return (tag: string, payload: unknown, options?: CommandOptions) =>
        send(target, tag, payload, options, ({ outcome, position, replayed, value, version }, commandId) =>
          Effect.succeed({
            outcome: outcome === "success" ? Either.right(value) : Either.left(value),
            commandId,
            replayed,
            version,
            position
          })
        )
    }

    get changes() {
      const target = this.#target
      return (after = 0) => changesOf(target, after)
    }

    get state() {
      const { id, system } = this.#target
      return Effect.map(system.state(name, id), (found) => ({ ...found, state: lend(found.state as S) }))
    }
  }
}
