/**
 * `NewId` gives an id to what is made without one. It is random, so nobody can guess it and take it first; a retry
 * finds it by its key, under which the command is stored with its stream.
 */
import { hash, randomBytes } from "node:crypto"
import { Effect } from "effect"
import type { RuntimeError } from "../core/ActorError.ts"
import type { EventStore } from "../core/EventStore.ts"
import { CurrentCommand } from "./CurrentCommand.ts"
import * as StoredCommands from "./StoredCommands.ts"

/** 128 bits at random, as 32 hexadecimal digits. */
export const make = (): string => randomBytes(16).toString("hex")

/** The id that earlier releases made from the key: anybody who knew the key could make it. */
export const former = (what: string, commandId: string): string => hash("sha256", `${what}\0${commandId}`).slice(0, 26)

/** What is made. */
export interface Kind {
  /** As `order`. */
  readonly what: string
  /** Of its streams' ids. */
  readonly prefix: string
}

/**
 * Sends a command to the id that is given; without one to a new id, or to the one that it was sent to before under its
 * key. Two of one key at the same time get the answer of the one that was stored.
 */
export const send = <A, E extends { readonly _tag: string }, R>(
  store: EventStore["Type"],
  { prefix, what }: Kind,
  given: string | undefined,
  command: (id: string) => Effect.Effect<A, E | RuntimeError, R>
): Effect.Effect<{ readonly id: string; readonly answer: A }, E | RuntimeError, R> =>
  Effect.gen(function* () {
    const to = (id: string) => Effect.map(command(id), (answer) => ({ id, answer }))
    if (given !== undefined) return yield* to(given)
    const { commandId, isKeyed } = yield* CurrentCommand
    /**
     * The id that was made under the key; undefined where it is not stored, or was used for what the client had named.
     */
    const before = Effect.map(StoredCommands.find(store, commandId), (stored) => {
      const id = stored?.streamId.startsWith(prefix) === true ? stored.streamId.slice(prefix.length) : ""
      return /^[0-9a-f]{32}$/.test(id) || id === former(what, commandId) ? id : undefined
    })
    const known = isKeyed ? yield* before : undefined
    if (known !== undefined) return yield* to(known)
    return yield* Effect.catchIf(
      to(make()),
      (error) => isKeyed && error._tag === "CommandIdReused",
      (error) => Effect.flatMap(before, (other) => (other === undefined ? Effect.fail(error) : to(other)))
    )
  })
