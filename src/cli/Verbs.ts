/**
 * `Verbs` are those that every application has, in the order of the help. A verb is loaded when it is called: all of
 * them take longer to load than a short one takes to run. Only who asks which there are, such as by `--help`, loads
 * them all.
 */
import type * as Command from "@effect/cli/Command"
import * as Descriptor from "@effect/cli/CommandDescriptor"
import type * as NodeContext from "@effect/platform-node/NodeContext"
import { Effect } from "effect"
import { type Application, InvalidApplication } from "../projection/Application.ts"
import type { Program } from "./Program.ts"
import * as Verb from "./Verb.ts"

// biome-ignore lint/suspicious/noExplicitAny: name and options are invariant; no other bound takes every command.
export type AnyCommand = Command.Command<any, NodeContext.NodeContext | Program, unknown, any>

interface VerbModule {
  readonly command: AnyCommand | ((app: Application) => AnyCommand)
}

/** By the names of their commands, which a test holds them to. A new verb is a file beside this one and a line here. */
export const modules = {
  serve: () => import("./serve.ts"),
  import: () => import("./import.ts"),
  export: () => import("./export.ts"),
  verify: () => import("./verify.ts"),
  head: () => import("./head.ts"),
  inspect: () => import("./inspect.ts"),
  explain: () => import("./explain.ts"),
  diff: () => import("./diff.ts"),
  "what-if": () => import("./whatIf.ts"),
  stats: () => import("./stats.ts"),
  console: () => import("./console.ts"),
  projections: () => import("./projections.ts"),
  reactions: () => import("./reactions.ts"),
  timers: () => import("./timers.ts"),
  relay: () => import("./relay.ts"),
  rebuild: () => import("./rebuild.ts"),
  operations: () => import("./operations.ts"),
  backup: () => import("./backup.ts"),
  restore: () => import("./restore.ts"),
  copy: () => import("./copy.ts"),
  schema: () => import("./schema.ts"),
  openapi: () => import("./openapi.ts")
} as const satisfies Readonly<Record<string, () => Promise<VerbModule>>>

const load = (app: Application, module: () => Promise<VerbModule>): Effect.Effect<AnyCommand> =>
  Effect.map(Effect.promise(module), ({ command }) => (typeof command === "function" ? command(app) : command))

const isName = (name: string | undefined): name is keyof typeof modules =>
  name !== undefined && Object.hasOwn(modules, name)

/** Those of every application and then its own, which must have other names. */
const all = (app: Application): Effect.Effect<ReadonlyArray<AnyCommand>, InvalidApplication> =>
  Effect.gen(function* () {
    const common = yield* Effect.forEach(Object.values(modules), (module) => load(app, module))
    const own = (yield* Effect.promise(async () => app.verbs())).map(Verb.commandOf)
    const taken = own.flatMap(({ descriptor }) => [...Descriptor.getNames(descriptor)]).find(isName)
    if (taken !== undefined) {
      return yield* Effect.fail(
        new InvalidApplication(`every application has a verb ${taken}; give that of ${app.name} another name`)
      )
    }
    return [...common, ...own]
  })

/** The verb of this name alone where every application has it; else all that there are. */
export const named = (
  app: Application,
  name: string | undefined
): Effect.Effect<ReadonlyArray<AnyCommand>, InvalidApplication> =>
  isName(name) ? Effect.map(load(app, modules[name]), (command) => [command]) : all(app)
