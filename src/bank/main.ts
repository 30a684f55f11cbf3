#!/usr/bin/env node
/** `daybook`: the program of the bank, or with `--app MODULE` that of the application which the module exports. */
import process from "node:process"
import * as MissingPackage from "../core/MissingPackage.ts"

import("../cli/Cli.ts").then(
  // Another application needs nothing of the bank.
  (Cli) =>
    Cli.run(() => import("./Bank.ts").then(({ application }) => application), { program: "daybook", version: "0.1.0" }),
  (error: unknown) => {
    const reason = MissingPackage.describe(error, "the command line")
    if (reason === undefined) throw error
    process.stderr.write(`daybook: ${reason}\n`)
    process.exitCode = 1
  }
)
