/** Deno for tests on Node: its program, and how the command line runs there, with no more permissions than it needs. */
import { createRequire } from "node:module"
import { join } from "node:path"

export const root = join(import.meta.dirname, "../..")

/** Deno itself. What npm calls `deno` is a script that starts it, and does not hand on signals. */
export const program: string = createRequire(import.meta.url)("deno/install_api.cjs").runInstall()

/** A module on Deno, which may read and write in this folder; as in `docs/guides/deno.md`. */
export const run = (module: string, folder: string, ...permissions: ReadonlyArray<string>) =>
  [
    "env",
    `TMPDIR=${folder}`,
    program,
    "run",
    "--no-prompt",
    `--allow-read=${join(root, "node_modules")},${folder}`,
    `--allow-write=${folder}`,
    "--allow-env=DAYBOOK_*,OTEL_*,TMPDIR",
    "--ignore-env",
    "--allow-sys=uid",
    ...permissions,
    module
  ] as const

/** `daybook` on Deno, from the sources. */
export const daybook = (folder: string, ...permissions: ReadonlyArray<string>) =>
  run(join(root, "src/bank/main.ts"), folder, ...permissions)
