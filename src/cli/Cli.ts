/**
 * `Cli` makes the program of an application: all verbs, and how an error leaves the program, as one line on standard error with
 * exit code 1. A module that is a program says no more than `Cli.run(application)`.
 */
import process from "node:process"
import { stripVTControlCharacters } from "node:util"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Layer, Logger, Option } from "effect"
import * as MissingPackage from "../core/MissingPackage.ts"
import type { Application } from "../projection/Application.ts"
import * as backup from "./backup.ts"
import * as copy from "./copy.ts"
import * as diff from "./diff.ts"
import * as explain from "./explain.ts"
import * as exportLog from "./export.ts"
import * as head from "./head.ts"
import * as importFile from "./import.ts"
import * as inspect from "./inspect.ts"
import * as Lines from "./Lines.ts"
import * as LoadApplication from "./LoadApplication.ts"
import * as openapi from "./openapi.ts"
import * as operations from "./operations.ts"
import * as projections from "./projections.ts"
import * as rebuild from "./rebuild.ts"
import * as restore from "./restore.ts"
import * as schema from "./schema.ts"
import * as serve from "./serve.ts"
import * as stats from "./stats.ts"
import * as UntilSignal from "./UntilSignal.ts"
import { UsageError } from "./UsageError.ts"
import * as Verb from "./Verb.ts"
import * as verify from "./verify.ts"
import * as whatIf from "./whatIf.ts"

export interface Options {
  /** How the program is called. Default: the application's name. */
  readonly program?: string
  readonly version?: string
}

/** The verbs, in the order of the help. A new verb is a file beside this one and a line here. */
const verbs = (app: Application) =>
  [
    serve.command(app),
    importFile.command(app),
    exportLog.command,
    verify.command(app),
    head.command,
    inspect.command(app),
    explain.command(app),
    diff.command(app),
    whatIf.command(app),
    stats.command,
    projections.command(app),
    rebuild.command(app),
    operations.command,
    backup.command,
    restore.command,
    copy.command(app),
    schema.command(app),
    openapi.command(app)
  ] as const

/** The arguments without `--app MODULE`, which may stand before or after the verb, and the module. */
const takeApp = (given: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const end = given.indexOf("--")
    const at = given.findIndex((each, index) => /^--app(?:=|$)/.test(each) && (end === -1 || index < end))
    if (at === -1) return { rest: given, module: undefined }
    const inline = given[at]?.startsWith("--app=") === true
    const module = inline ? given[at]?.slice("--app=".length) : given[at + 1]
    if (module === undefined || module === "") {
      return yield* new UsageError({ reason: "--app is the path of a module that exports an application" })
    }
    return { rest: given.toSpliced(at, inline ? 1 : 2), module }
  })

/** One line for people; a defect, which is a fault of this program, with its stack. */
const report = (program: string, cause: Cause.Cause<unknown>) =>
  Effect.sync(() => {
    if (Cause.isInterruptedOnly(cause)) return
    const failure = Option.getOrUndefined(Cause.failureOption(cause))
    const message = ValidationError.isValidationError(failure)
      ? `${stripVTControlCharacters(HelpDoc.toAnsiText(failure.error)).trim()}; see ${program} --help`
      : failure instanceof Error
        ? failure.message
        : MissingPackage.describe(Cause.squash(cause), "it")
    process.stderr.write(`${program}: ${message?.trim().replaceAll(/\s*\n\s*/g, " ") ?? Cause.pretty(cause)}\n`)
  })

/** Runs a verb on the application, or on that of `--app MODULE`, and ends the process with the exit code. */
export const run = (
  application: Application | (() => Promise<Application>),
  { program = typeof application === "function" ? "daybook" : application.name, version = "0.0.0" }: Options = {}
): void => {
  // What reads our output has gone, as `head` does, and nobody is left to tell; or the disk that takes it is full.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE")
      process.stderr.write(`${program}: standard output cannot be written: ${error.message}\n`)
    process.exit(1)
  })
  const main = Effect.gen(function* () {
    // The parser takes a lone dash for an option without a name.
    const { module, rest } = yield* takeApp(process.argv.map((argument) => (argument === "-" ? Lines.stdin : argument)))
    const app =
      module !== undefined
        ? yield* LoadApplication.load(module)
        : typeof application === "function"
          ? yield* Effect.promise(application)
          : application
    const own = (yield* Effect.promise(async () => app.verbs())).flatMap((each) => Verb.commandOf(each) ?? [])
    const root = Command.make(program).pipe(
      Command.withDescription(`${app.description} With --app MODULE: the application that the module exports.`.trim()),
      Command.withSubcommands([...verbs(app), ...own])
    )
    // The parser prints its errors in paragraphs; `report` says them in one line.
    yield* Effect.consoleWith((console) =>
      Effect.withConsole(Command.run(root, { name: program, version })(rest), {
        ...console,
        error: () => Effect.void
      })
    )
  })

  main.pipe(
    Effect.tapErrorCause((cause) => report(program, cause)),
    Effect.provide(
      Layer.mergeAll(
        NodeContext.layer,
        CliConfig.layer({ showBuiltIns: false }),
        Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.jsonLogger))
      )
    ),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      disablePrettyLogger: true,
      // A signal is how a server ends in order, and how any other verb is cut off.
      teardown: (exit, onExit) => {
        const isStopped = Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)
        onExit(Exit.isSuccess(exit) || (isStopped && UntilSignal.isBegun()) ? 0 : isStopped ? 130 : 1)
      }
    })
  )
}
