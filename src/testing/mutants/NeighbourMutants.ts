/** Actor systems with one fault each, for the rules of `Neighbours`. */
import { Effect, Either } from "effect"
import { MailboxFull, type RuntimeError } from "../../core/ActorError.ts"
import type { Ask } from "../../core/ActorSystem.ts"
import type { StreamId } from "../../core/StreamId.ts"
import { mutant, type Needs, reloadingAfterThrow } from "./ActorMutant.ts"
import { asking, defining, ending, limited, type Mutant } from "./Mutant.ts"

const howOf = ({ payload }: Ask): string => (payload as { readonly how: string }).how

/** A system that dies of an error that it should tell. */
const dying = (of: RuntimeError["_tag"], isOne: (asked: Ask) => boolean = () => true) =>
  ending((answer, asked) =>
    Effect.catchIf(
      answer,
      (error) => error._tag === of && isOne(asked),
      (error) => Effect.die(error)
    )
  )

/** A system that cuts some ids of commands. */
const cutting = (isOne: (commandId: string) => boolean) =>
  asking(({ ask }) => ({
    ask: (asked) => {
      const commandId = asked.commandId.slice(0, 200)
      return ask(isOne(asked.commandId) ? { ...asked, commandId, correlationId: commandId } : asked)
    }
  }))

const isDerived = (commandId: string) => commandId.startsWith("\u0001")

export const NeighbourMutants: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "decides one command at a time",
    [
      "500 commands with a throwing decide",
      "500 commands with a reused",
      "500 commands with an id too long in ch",
      "500 commands with an id too long in by",
      "500 commands with a throwing reply",
      "500 commands with an unencodable",
      "20 commands with an event",
      "20 commands with an answer",
      "an effectful decision runs"
    ],
    limited(() => ({ maxBatch: 1 }))
  ),
  mutant(
    "dies of an id that is another command's",
    ["500 commands with a reused", "a twin of", "an effectful decision of", "an effectful decision runs"],
    dying("CommandIdReused")
  ),
  mutant(
    "cuts an id that is too long",
    ["500 commands with an id too long in ch"],
    cutting((commandId) => commandId.length > 255 && !isDerived(commandId))
  ),
  mutant("cuts a derived id", ["500 commands with an id too long in by"], cutting(isDerived)),
  mutant(
    "takes a decision that throws for one that changes nothing",
    ["500 commands with a throwing decide", "an effectful decision runs", "a client that repeats"],
    defining(({ decide }) => ({
      decide: (...args) => {
        try {
          return decide(...args)
        } catch {
          return Either.right([])
        }
      }
    }))
  ),
  mutant(
    "answers with nothing where reply throws",
    ["500 commands with a throwing reply", "an effectful decision runs", "a client that repeats"],
    defining(({ reply }) => ({
      reply: (...args) => {
        try {
          return reply(...args)
        } catch {
          return { count: 0, padding: "" }
        }
      }
    }))
  ),
  mutant(
    "dies of an event that cannot be encoded",
    ["500 commands with an unencodable"],
    dying("UnencodableEvent", (asked) => howOf(asked) === "unencodable")
  ),
  mutant(
    "dies of an event that is too large",
    ["20 commands with an event"],
    dying("UnencodableEvent", (asked) => howOf(asked) === "large event")
  ),
  mutant(
    "dies of an answer that is too large",
    ["20 commands with an answer"],
    dying("InvalidArgument", (asked) => howOf(asked) === "large answer")
  ),
  mutant(
    "refuses a twin as if its mailbox were full",
    ["a twin of"],
    asking(({ ask }) => {
      const asking = new Map<string, string>()
      return {
        ask: (asked) =>
          Effect.suspend(() => {
            const { commandId, fingerprint, id } = asked
            if (asking.get(commandId) === fingerprint) {
              return new MailboxFull({ streamId: id as StreamId, capacity: 1 })
            }
            asking.set(commandId, fingerprint)
            return Effect.ensuring(
              ask(asked),
              Effect.sync(() => asking.delete(commandId))
            )
          })
      }
    })
  ),
  mutant(
    "says of no answer that it was given before",
    ["an effectful decision of", "a twin of"],
    ending(Effect.map((answer) => ({ ...answer, replayed: false })))
  ),
  mutant(
    "starts the effect of a decision twice, and takes what ends first",
    ["an effectful decision runs", "a twin of", "after a conflict"],
    defining(({ decide }) => ({
      decide: (...args) => {
        const decision = decide(...args)
        return Either.isEither(decision) ? decision : Effect.raceFirst(decision, decision)
      }
    }))
  ),
  mutant(
    "gives a decision that runs again another id",
    ["after a conflict"],
    defining(({ decide }) => {
      const runs = new Map<string, number>()
      return {
        decide: (command, payload, state, context) => {
          const run = runs.get(context.commandId) ?? 0
          runs.set(context.commandId, run + 1)
          return decide(command, payload, state, { ...context, commandId: `${context.commandId}${"'".repeat(run)}` })
        }
      }
    })
  ),
  mutant(
    "loads its state again after a decision that threw",
    ["a client that repeats", "500 commands with a throwing decide"],
    reloadingAfterThrow({ _tag: "Done", how: "", padding: "" })
  )
]
