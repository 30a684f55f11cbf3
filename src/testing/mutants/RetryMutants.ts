/**
 * Actor systems with one fault each in what they answer a command that comes again, that dies, or that comes too late.
 */
import { type Clock, Context, Deferred, Effect, Either, Layer, Scope } from "effect"
import { ShuttingDown } from "../../core/ActorError.ts"
import { ActorSystem } from "../../core/ActorSystem.ts"
import { Added } from "../actor/Counter.ts"
import { effectOf, failingWith, isTold, mutant, type Needs, reloadingAfterThrow, unavailable } from "./ActorMutant.ts"
import { asking, defining, ending, type Mutant, overStore, proposing, system } from "./Mutant.ts"

export const defects: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "takes an event that evolve throws on for one that changes nothing",
    ["an event that evolve", "a defect reaches"],
    defining(({ evolve }) => ({
      evolve: (state, event) => {
        try {
          return evolve(state, event)
        } catch {
          return state
        }
      }
    }))
  ),
  mutant(
    "loads its state again after a decision that threw",
    ["a defect reaches"],
    reloadingAfterThrow(Added.make({ by: 0 }))
  ),
  mutant(
    "answers with nothing where reply throws",
    ["a decision that dies as"],
    defining(({ reply }) => ({
      reply: (command, state, at) => {
        try {
          return reply(command, state, at)
        } catch {
          return { count: 0, ...at }
        }
      }
    }))
  ),
  mutant(
    "dies of a decision that does not end",
    ["a decision that does not"],
    ending((answer) => Effect.catchTag(answer, "DecisionTimedOut", (error) => Effect.die(error)))
  ),
  mutant(
    "interrupts a caller whose decision interrupted itself",
    ["a decision that interrupts"],
    ending((answer) =>
      Effect.catchAllDefect(answer, (error) =>
        error instanceof Error && error.message.includes("interrupted itself") ? Effect.interrupt : Effect.die(error)
      )
    )
  ),
  mutant("tells all of a batch that the store is down", ["a decision that dies while"], (sound) => {
    let isDown = false
    const noting = overStore(({ append }) => ({
      append: (requests, place) =>
        Effect.tapBoth(append(requests, place), {
          onFailure: () => Effect.sync(() => (isDown = true)),
          onSuccess: () => Effect.sync(() => (isDown = false))
        })
    }))
    const telling = ending((answer) =>
      Effect.catchAllDefect(answer, (error) => (isDown ? unavailable(error) : Effect.die(error)))
    )
    return telling(noting(sound))
  })
]

export const retries: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "takes an unknown outcome for a failure",
    ["after an unknown"],
    overStore(({ append }) => ({
      append: (requests, place) => Effect.catchTag(append(requests, place), "OutcomeUnknown", unavailable)
    }))
  ),
  mutant(
    "says of an append that did not answer that nothing happened",
    ["an append that never", "a wall clock"],
    failingWith((error) =>
      error._tag === "OutcomeUnknown" && isTold(error, "did not answer") ? unavailable(error) : error
    )
  ),
  mutant(
    "takes any failure of the store for an outage",
    ["a store that fails in"],
    overStore(({ append }) => ({
      append: (requests, place) =>
        Effect.mapError(append(requests, place), (error) =>
          ["InvalidArgument", "StoreUnavailable", "OutcomeUnknown"].includes(error._tag) ? error : unavailable(error)
        )
    }))
  ),
  mutant(
    "does nothing for a caller that has gone",
    ["a caller that goes"],
    asking(({ ask, register }) => {
      const gone = new Set<string>()
      return {
        register: (definition) =>
          register({
            ...definition,
            decide: (command, payload, state, context) => {
              const decision = definition.decide(command, payload, state, context)
              const effect = effectOf(decision)
              if (effect === undefined) return gone.has(context.commandId) ? Either.right([]) : decision
              return Effect.map(effect, (events) => (gone.has(context.commandId) ? [] : events))
            }
          }),
        ask: (asked) => Effect.onInterrupt(ask(asked), () => Effect.sync(() => gone.add(asked.commandId)))
      }
    })
  ),
  mutant(
    "keeps no refusal",
    ["a command id is answered"],
    overStore(proposing((command) => (command.outcome === "refusal" ? { ...command, outcome: "unstored" } : command)))
  ),
  mutant(
    "does not take the caller's word for what is the same command",
    ["a fingerprint of"],
    asking(({ ask }) => ({
      ask: (asked) => ask({ ...asked, fingerprint: `${asked.fingerprint} ${JSON.stringify(asked.payload)}` })
    }))
  ),
  mutant(
    "asks the store about a twin",
    ["the same command sent twice"],
    asking(({ ask }) => {
      const asking = new Map<string, Deferred.Deferred<void>>()
      return {
        ask: (asked) =>
          Effect.gen(function* () {
            const { commandId } = asked
            for (let twin = asking.get(commandId); twin !== undefined; twin = asking.get(commandId)) {
              yield* Deferred.await(twin)
            }
            const ended = yield* Deferred.make<void>()
            asking.set(commandId, ended)
            return yield* Effect.ensuring(
              ask(asked),
              Effect.suspend(() => {
                asking.delete(commandId)
                return Deferred.succeed(ended, undefined)
              })
            )
          })
      }
    })
  ),
  mutant(
    "keeps each refusal",
    ["an unstored refusal"],
    defining(() => ({ isKept: () => true }))
  )
]

/** Where an hour that the wall clock goes back is an hour that did not pass. */
const byWallClock = (clock: Clock.Clock): Clock.Clock =>
  Object.assign(Object.create(clock), {
    unsafeCurrentTimeNanos: () => BigInt(Math.floor(clock.unsafeCurrentTimeMillis() * 1_000_000))
  })

export const clocks: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "waits by the clock on the wall",
    ["a wall clock", "a batch is bounded by the time"],
    system(
      (build) => (limits) =>
        Layer.unwrapEffect(
          Effect.clockWith((clock) => Effect.succeed(Layer.provide(build(limits), Layer.setClock(byWallClock(clock)))))
        )
    )
  )
]

export const stops: ReadonlyArray<Mutant<Needs>> = [
  mutant(
    "refuses what it accepted when it stops",
    ["a system that stops", "what does not end within"],
    system(
      (build) => (limits) =>
        Layer.scopedContext(
          Effect.gen(function* () {
            const actors = Context.get(yield* Layer.build(build(limits)), ActorSystem)
            const stopped = yield* Deferred.make<never, ShuttingDown>()
            yield* Effect.addFinalizer(() => Deferred.fail(stopped, new ShuttingDown()))
            const ask: typeof actors.ask = (asked) => Effect.raceFirst(actors.ask(asked), Deferred.await(stopped))
            return Context.make(ActorSystem, { ...actors, ask })
          })
        )
    )
  ),
  mutant(
    "says of what it had begun that it had not",
    ["what does not end within"],
    failingWith((error) =>
      error._tag === "OutcomeUnknown" && isTold(error, "stopped during") ? new ShuttingDown() : error
    )
  ),
  mutant(
    "keeps the behaviour that it was given first",
    ["an aggregate whose layer"],
    asking(({ register }) => {
      const known = new Set<string>()
      const scope = Effect.runSync(Scope.make())
      return {
        register: (definition) =>
          Effect.suspend(() => {
            if (known.has(definition.name)) return Effect.void
            known.add(definition.name)
            return Scope.extend(register(definition), scope)
          })
      }
    })
  ),
  mutant(
    "registers whatever it is given",
    ["aggregates whose streams"],
    asking(({ register }) => ({
      register: (definition) => Effect.catchAllDefect(register(definition), () => Effect.void)
    }))
  )
]
