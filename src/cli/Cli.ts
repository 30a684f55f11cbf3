/**
 * `Cli` makes the program of an application: its verbs, and how an error leaves the program, as one line on standard error with
 * an exit code. A module that is a program says no more than `Cli.run(application)`.
 */
import process from "node:process"
import { stripVTControlCharacters } from "node:util"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Array as Arr, Cause, Config, ConfigError, Effect, Exit, Layer, Option, Schema } from "effect"
import * as MissingPackage from "../core/MissingPackage.ts"
import { InvalidArgument } from "../core/StoreError.ts"
import type { Application } from "../projection/Application.ts"
import * as Arguments from "./Arguments.ts"
import * as Help from "./Help.ts"
import * as Lines from "./Lines.ts"
import * as LoadApplication from "./LoadApplication.ts"
import * as LogLines from "./LogLines.ts"
import * as LogOutput from "./LogOutput.ts"
import * as Output from "./Output.ts"
import { Program } from "./Program.ts"
import * as Screen from "./Screen.ts"
import * as Setting from "./Setting.ts"
import * as Text from "./Text.ts"
import * as UntilSignal from "./UntilSignal.ts"
import { UsageError } from "./UsageError.ts"
import * as Verbs from "./Verbs.ts"

export interface Options {
  /** How the program is called. Default: the application's name. */
  readonly program?: string
  readonly version?: string
}

/** The options that stand beside those of any verb, with what they are. */
const commonOptions = [
  ["--help, -h", "how the verb is called"],
  ["--app MODULE", "the application that the module exports, in place of the program's own"],
  [
    "--log-format pretty|json",
    Setting.described("how the log is written to standard error", {
      variable: "DAYBOOK_LOG_FORMAT",
      standard: "pretty on a terminal, else json"
    })
  ],
  ["--version", "the version of the program"],
  ["--completions bash|zsh|fish", "a script that completes verbs and options in this shell"]
] as const

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
    const text = message?.trim().replaceAll(/\s*\n\s*/g, " ") ?? Cause.pretty(cause)
    const lines = text.split("\n").map(Text.visible)
    Screen.write(process.stderr, `${program}: ${lines.join("\n")}\n`)
  })

/** 0: all is well. 1: something was found, or failed. 2: it was called wrongly. 130: it was cut off. */
const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.isInterruptedOnly(exit.cause)) return UntilSignal.isBegun() ? 0 : 130
  const failure = Option.getOrUndefined(Cause.failureOption(exit.cause))
  // An argument that a port below refuses is one of the verb's: what files say, their verbs tell apart.
  const isUsage = failure instanceof UsageError || failure instanceof InvalidArgument
  return isUsage || ValidationError.isValidationError(failure) || ConfigError.isConfigError(failure) ? 2 : 1
}

/**
 * Ends the process once all was printed. Without it a connection that a driver has lost sight of would keep a verb from ending that
 * is done.
 */
const end = (code: number): void => {
  process.exitCode = code
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))
}

/** The command of the program with these verbs, and what helps with it. */
const programOf = (app: Application, verbs: ReadonlyArray<Verbs.AnyCommand>, program: string, version: string) => {
  const description = app.description.trim()
  const manual = (): string =>
    Help.manual(Help.allVerbs(root.descriptor), description, commonOptions, { program, version })
  const man: Verbs.AnyCommand = Command.make("man", {}, () => Effect.suspend(() => Output.send(manual()))).pipe(
    Command.withDescription(`Print the manual page, such as into ${program}.1.`)
  )
  const root = Command.make(program).pipe(
    Command.withDescription(description),
    Command.withSubcommands(Arr.append(verbs, man))
  )
  const help = ({ command, path }: Arguments.Arranged, noColor: string | undefined): string => {
    const isStrong = Screen.hasColor(process.stdout, noColor)
    const page = {
      program,
      version,
      columns: Math.min(120, Screen.columnsOf(process.stdout)),
      strong: (text: string) => (isStrong ? `\u001b[1m${text}\u001b[0m` : text)
    }
    return path.length === 0
      ? Help.programPage(Help.allVerbs(root.descriptor), description, commonOptions, page)
      : Help.verbPage({ path, command }, page)
  }
  return { root, help }
}

/** A variable of the environment, which on Deno may not be read at all. */
const variable = (name: string): Effect.Effect<string | undefined> =>
  Effect.map(Effect.option(Config.string(name)), Option.getOrUndefined)

const isFormat = Schema.is(Schema.Literal(...LogOutput.formats))

/** How the log is written: as the option says, else the variable, else as fits where it goes. */
const logFormat = (given: string | undefined) =>
  Effect.gen(function* () {
    const format = given ?? (yield* variable("DAYBOOK_LOG_FORMAT"))
    if (format === undefined || isFormat(format)) return format
    return yield* new UsageError({ reason: `--log-format is pretty or json, not ${format}` })
  })

/** Runs a verb on the application, or on that of `--app MODULE`, and ends the process with the exit code. */
export const run = (
  application: Application | (() => Promise<Application>),
  { program = typeof application === "function" ? "daybook" : application.name, version = "0.0.0" }: Options = {}
): void => {
  // What reads our output has gone, as `head` does, so there is no reader for an error either; or the disk that takes
  // it is full.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE")
      process.stderr.write(`${program}: standard output cannot be written: ${error.message}\n`)
    process.exit(1)
  })
  LogLines.survive()

  const main = Effect.gen(function* () {
    const [command = "", script = "", ...given] = process.argv
    const noColor = yield* variable("NO_COLOR")
    const { rest, value: module } = yield* Arguments.take(
      given,
      "--app",
      "the path of a module that exports an application"
    )
    const { rest: own, value: format } = yield* Arguments.take(rest, "--log-format", "pretty or json")
    const logging = LogOutput.layer(yield* logFormat(format), noColor)
    const app =
      module !== undefined
        ? yield* LoadApplication.load(module)
        : typeof application === "function"
          ? yield* Effect.promise(application)
          : application
    const verbs = yield* Verbs.named(app, Arguments.verbIn(own))
    const { help, root } = programOf(app, verbs, program, version)
    const arranged = Arguments.arrange(root.descriptor, own)
    if (arranged.isHelp) return yield* Output.send(help(arranged, noColor))
    if (own.length === 0) {
      yield* Output.send(help(arranged, noColor))
      return yield* new UsageError({ reason: `name a verb; see ${program} --help` })
    }
    const unknown = Arguments.unknownIn(arranged)
    if (unknown !== undefined) {
      const verb = arranged.path.join(" ")
      return yield* new UsageError({ reason: `${verb} takes no ${unknown}; see ${program} ${verb} --help` })
    }
    // The parser takes a lone dash for an option without a name.
    const dashed = arranged.arguments.map((argument) => (argument === "-" ? Lines.stdin : argument))
    // The parser prints its errors in paragraphs; `report` says them in one line.
    yield* Effect.consoleWith((console) =>
      Effect.withConsole(Command.run(root, { name: program, version })([command, script, ...dashed]), {
        ...console,
        error: () => Effect.void
      })
    ).pipe(Effect.provide(logging))
  })

  main.pipe(
    Effect.tapErrorCause((cause) => report(program, cause)),
    Effect.provide(Layer.mergeAll(NodeContext.layer, CliConfig.layer({ showBuiltIns: false }))),
    Effect.provideService(Program, { name: program, version }),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      disablePrettyLogger: true,
      teardown: (exit) => end(exitCodeOf(exit))
    })
  )
}
