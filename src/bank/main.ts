#!/usr/bin/env node
/** `daybook`: the verbs put together, and how an error leaves the program: as one line on standard error, with exit code 1. */
import process from "node:process"
import { stripVTControlCharacters } from "node:util"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Layer, Logger, Option } from "effect"
import * as backup from "../cli/backup.ts"
import * as copy from "../cli/copy.ts"
import * as exportLog from "../cli/export.ts"
import * as head from "../cli/head.ts"
import * as importFile from "../cli/import.ts"
import * as inspect from "../cli/inspect.ts"
import * as Lines from "../cli/Lines.ts"
import * as openapi from "../cli/openapi.ts"
import * as projections from "../cli/projections.ts"
import * as rebuild from "../cli/rebuild.ts"
import * as schema from "../cli/schema.ts"
import * as serve from "../cli/serve.ts"
import * as verify from "../cli/verify.ts"

const daybook = Command.make("daybook").pipe(
  Command.withDescription("Accounts as durable actors on an event log."),
  Command.withSubcommands([
    serve.command,
    importFile.command,
    exportLog.command,
    verify.command,
    head.command,
    inspect.command,
    projections.command,
    rebuild.command,
    backup.command,
    copy.command,
    schema.command,
    openapi.command
  ])
)

const run = Command.run(daybook, { name: "daybook", version: "0.1.0" })

/** One line for people; a defect, which is a fault of this program, with its stack. */
const report = (cause: Cause.Cause<unknown>) =>
  Effect.sync(() => {
    if (Cause.isInterruptedOnly(cause)) return
    const failure = Option.getOrUndefined(Cause.failureOption(cause))
    const message = ValidationError.isValidationError(failure)
      ? `${stripVTControlCharacters(HelpDoc.toAnsiText(failure.error)).trim()}; see daybook --help`
      : failure instanceof Error
        ? failure.message
        : undefined
    process.stderr.write(`daybook: ${message?.trim().replaceAll(/\s*\n\s*/g, " ") ?? Cause.pretty(cause)}\n`)
  })

// What reads our output has gone, as `head` does, and nobody is left to tell; or the disk that takes it is full.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.stderr.write(`daybook: standard output cannot be written: ${error.message}\n`)
  process.exit(1)
})

// The parser takes a lone dash for an option without a name.
const given = process.argv.map((argument) => (argument === "-" ? Lines.stdin : argument))

/** The parser prints its errors in paragraphs; `report` says them in one line. */
const runQuietly = Effect.consoleWith((console) =>
  Effect.withConsole(run(given), { ...console, error: () => Effect.void })
)

runQuietly.pipe(
  Effect.tapErrorCause(report),
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
      onExit(Exit.isSuccess(exit) || (isStopped && given[2] === "serve") ? 0 : isStopped ? 130 : 1)
    }
  })
)
