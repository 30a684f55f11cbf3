/** Actor systems with one fault each in commands and answers as data, for the rules of `CommandConformance`. */
import { Effect } from "effect"
import type { Ask } from "../../core/ActorSystem.ts"
import { UnencodableEvent } from "../../core/EventError.ts"
import { failingWith, mutant, type Needs, unavailable } from "./ActorMutant.ts"
import { asking, defining, ending, type Mutant, overStore } from "./Mutant.ts"

/** A system that knows a command by the text of its payload too. */
const byText = (isOne: (asked: Ask) => boolean) =>
  asking(({ ask }) => ({
    ask: (asked) =>
      ask(isOne(asked) ? { ...asked, fingerprint: `${asked.fingerprint}${JSON.stringify(asked.payload)}` } : asked)
  }))

/** A system whose defects of this command say nothing. */
const silent = (command: string) =>
  ending((answer, asked) =>
    Effect.catchAllDefect(answer, (error) => Effect.die(asked.command === command ? new Error("a defect") : error))
  )

/** A system that gives another state of an aggregate. */
const showing = (name: string, change: (state: object) => unknown) =>
  asking(({ state }) => ({
    state: (aggregate, id) =>
      Effect.map(state(aggregate, id), (committed) =>
        aggregate === name ? { ...committed, state: change(committed.state as object) } : committed
      )
  }))

const releases: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "knows a command by the order of its fields",
    ["a retry is the same command"],
    byText(({ commandId, earlier }) => earlier !== undefined && !commandId.startsWith("\u0001"))
  ),
  mutant(
    "knows a reaction's command by what is in it",
    ["a reaction's command"],
    byText(({ commandId }) => commandId.startsWith("\u0001"))
  ),
  mutant(
    "says of an id of another aggregate that the store is down",
    ["one id with another command"],
    ending((answer, { aggregate }) =>
      Effect.mapError(answer, (error) =>
        error._tag === "CommandIdReused" && aggregate === "Crate" ? unavailable(error) : error
      )
    )
  ),
  mutant(
    "takes a kept answer for one of the newest form",
    ["a kept answer", "an answer that the release"],
    overStore(({ append }) => ({
      append: (requests, place) =>
        Effect.map(append(requests, place), (results) =>
          results.map((result) => ({
            ...result,
            verdicts: result.verdicts.map((verdict) =>
              verdict._tag === "StoredBefore" && verdict.command.streamId.startsWith("tank-")
                ? { ...verdict, command: { ...verdict.command, answerVersion: 2 } }
                : verdict
            )
          }))
        )
    }))
  ),
  mutant(
    "says of an answer that it cannot read that the store is down",
    ["an answer that the release"],
    failingWith((error) => (error._tag === "UnreadableAnswer" ? unavailable(error) : error))
  ),
  mutant(
    "knows nothing of earlier rules",
    ["what a release before"],
    asking(({ ask }) => ({ ask: (asked) => ask({ ...asked, earlier: undefined }) }))
  )
]

const held: ReadonlyArray<Mutant<Needs>> = [
  mutant("does not say what is wrong with an answer", ["an answer that would not"], silent("Read")),
  mutant("does not say what is wrong with a refusal", ["a refusal that would not"], silent("Fail")),
  mutant(
    "leaves in a first answer what no text holds",
    ["an answer that comes back"],
    ending((answer, { command }) =>
      Effect.map(answer, (given) =>
        given.replayed || command !== "Read" || given.outcome !== "success"
          ? given
          : { ...given, value: { ...(given.value as object), unsaid: undefined } }
      )
    )
  ),
  mutant(
    "does not say which field of an event no text holds",
    ["a payload or an event"],
    failingWith((error) => (error._tag === "UnencodableEvent" ? new UnencodableEvent({ ...error, path: "" }) : error))
  ),
  mutant(
    "shows a state without the first that it was told",
    ["what a command or an event"],
    showing("Probe", (state) => (Array.isArray(state) ? state.slice(1) : state))
  ),
  mutant(
    "shows a field that an event left undefined",
    ["a field that an event"],
    showing("Tap", (state) => ({ ...state, last: undefined }))
  ),
  mutant(
    "lets evolve change a list of its state",
    ["an evolve that changes"],
    defining(({ evolve, name }) => ({
      evolve: (state, event) => evolve(name === "Basket" ? { ...state, items: [...state.items] } : state, event)
    }))
  ),
  mutant(
    "shows the second who asks what the first put in",
    ["who changes a payload"],
    asking(({ state }) => {
      const asked = new Map<string, number>()
      return {
        state: (aggregate, id) =>
          Effect.map(state(aggregate, id), (committed) => {
            const isSecond = asked.get(id) === committed.version
            asked.set(id, committed.version)
            if (aggregate !== "Basket" || !isSecond) return committed
            const { items, ...rest } = committed.state as { readonly items: ReadonlyArray<unknown> }
            return { ...committed, state: { ...rest, items: [...items, { name: "stone", tags: [] }] } }
          })
      }
    })
  )
]

export const CommandMutants: ReadonlyArray<Mutant<Needs>> = [...releases, ...held]
