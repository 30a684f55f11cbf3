/** Deno for tests on Node: its program, the tasks of `deno.json`, and the permissions they give. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

export const root = join(import.meta.dirname, "../..")

/** The program that the npm package `deno` brings. */
export const program = join(root, "node_modules/.bin/deno")

export const tasks: Readonly<Record<string, string>> = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")).tasks
