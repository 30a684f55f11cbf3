#!/usr/bin/env node
import { Cli } from "daybook/cli"
import { application } from "./application.js"

Cli.run(application, { version: "1.0.0" })
