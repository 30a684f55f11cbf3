#!/usr/bin/env node
/** `daybook`: the program of the bank, or with `--app MODULE` that of the application which the module exports. */
import * as Cli from "../cli/Cli.ts"

// Another application needs nothing of the bank.
Cli.run(() => import("./Bank.ts").then(({ application }) => application), { program: "daybook", version: "0.1.0" })
