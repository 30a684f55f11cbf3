/** Stores and actor systems with one fault each in who did something, for the rules of `PrincipalConformance`. */
import { Effect } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { maxLength } from "../../core/StoredText.ts"
import { CommandIdReused } from "../../core/StoreError.ts"
import { mutant, type Needs } from "./ActorMutant.ts"
import { asking, changing, type Mutant, overStore, proposing } from "./Mutant.ts"

export const PrincipalMutants: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "does not say who caused an event of the log",
    ["principal and metadata"],
    changing(EventStore, ({ readAll }) => ({
      readAll: (after, limit) =>
        Effect.map(readAll(after, limit), ({ events, more }) => ({
          events: events.map((event) => ({ ...event, principal: null })),
          more
        }))
    }))
  ),
  mutant(
    "takes another's command for another command",
    ["a retry with another", "what is kept for one", "a principal or metadata"],
    asking(({ ask }) => ({
      ask: (asked) => ask({ ...asked, fingerprint: `${asked.fingerprint}${asked.principal}` })
    }))
  ),
  mutant(
    "gives what is kept to anybody",
    ["what is kept for one"],
    overStore(proposing((command) => ({ ...command, isPersonal: false })))
  ),
  mutant(
    "has nobody wait for a command under its id",
    ["a command that waits"],
    asking(({ ask }) => {
      const waiting = new Set<string>()
      return {
        ask: (asked) =>
          Effect.suspend(() => {
            const { commandId } = asked
            if (waiting.has(commandId)) return new CommandIdReused({ commandId })
            waiting.add(commandId)
            return Effect.ensuring(
              ask(asked),
              Effect.sync(() => waiting.delete(commandId))
            )
          })
      }
    })
  ),
  mutant(
    "cuts a name that is too long",
    ["a principal or metadata"],
    asking(({ ask }) => ({
      ask: (asked) => ask({ ...asked, principal: asked.principal?.slice(0, maxLength) ?? null })
    }))
  )
]
