/** Stores with one fault each in how a reaction begins, for the rules of `BirthConformance`. */
import { Effect, Option } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { StartRequired } from "../../projection/ProjectionError.ts"
import { type Mutant, proposing } from "./Mutant.ts"
import { mutant, type ReadSide } from "./PortMutant.ts"

/** A store that enters something else of an operation than what was asked. */
const entering = (name: string, rule: string, from: string, to: string): Mutant<ReadSide> =>
  mutant(name, [rule], EventStore, ({ operate }) => ({
    operate: (operation, work) =>
      operate(
        operation,
        Effect.map(work, (detail) => detail.replace(from, to))
      )
  }))

/** A store in which a reaction begins elsewhere. */
const beginning = (name: string, rule: string, change: (position: number) => number): Mutant<ReadSide> =>
  mutant(name, [rule], GenerationStore, ({ begin }) => ({
    begin: (reaction, position, version) => begin(reaction, change(position), version)
  }))

export const BirthMutants: ReadonlyArray<Mutant<ReadSide>> = [
  entering(
    "enters a start from the beginning as one from now",
    'a new reaction that starts from "beginning"',
    '"startFrom":"beginning"',
    '"startFrom":"now"'
  ),
  beginning("begins with the log's last event", 'a new reaction that starts from "now"', (position) =>
    position > 2 ? position - 1 : position
  ),
  beginning(
    "begins with the event behind which it should",
    'a new reaction that starts from {"after":1}',
    (position) => (position === 1 ? 0 : position)
  ),
  entering(
    "enters a start behind 0 as one from the beginning",
    'a new reaction that starts from {"after":0}',
    '"startFrom":{"after":0}',
    '"startFrom":"beginning"'
  ),
  mutant("enters a start that was refused", ["a new reaction on a log"], EventStore, ({ operate, record }) => ({
    operate: (operation, work) =>
      Effect.tapError(operate(operation, work), (error) =>
        error instanceof StartRequired ? Effect.either(record(operation)) : Effect.void
      )
  })),
  mutant(
    "lists no operation that is the log's first entry",
    ["on a log without"],
    EventStore,
    ({ readOperations }) => ({
      readOperations: (after, limit) => readOperations(Math.max(after, 1), limit)
    })
  ),
  mutant("lists no operation to who asks for many", ["where its checkpoint"], EventStore, ({ readOperations }) => ({
    readOperations: (after, limit = 1_000) =>
      limit < 1_000 ? readOperations(after, limit) : Effect.succeed({ entries: [], more: false })
  })),
  entering("enters another former name", "a renamed reaction", '"former":"welcome"', '"former":"farewell"'),
  mutant("knows a reaction under a name that it gave up", ["a process that still"], GenerationStore, (store) => ({
    find: (name) =>
      Effect.flatMap(store.find(name), (found) =>
        Effect.map(store.list, (rows) => {
          const other = rows.find(({ live }) => live !== null)?.live ?? null
          return Option.map(found, (row) =>
            row.live === null && other !== null ? { ...row, live: { ...other, position: 0 } } : row
          )
        })
      )
  })),
  mutant(
    "forgets what caused a command",
    ["what a reaction sends"],
    EventStore,
    proposing((command) => ({ ...command, causationId: null }))
  )
]
