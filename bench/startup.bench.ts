/**
 * Question: how long does each verb take to start, do next to nothing, and end; and `serve` until it listens?
 * Method: the program as a process of its own, on a database with one account that the same build made before. Reported
 * is how much longer each verb takes than one that touches neither application nor database (`--version`).
 * Not measured: what a verb does on a large database; verbs that came after 0fc5bd3, such as `explain`.
 * `npm run bench -- --against COMMIT start-serve start-verify` compares with an earlier commit (`against.ts`).
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { type Contestant, compare, type Ratio, type Result, ratio, size, type Work } from "./harness.ts"

/** Each as it is called; `FILE` is the database, which it finds made unless it stands for itself. */
const uses = {
  version: "--version",
  serve: "serve --port 0 --db sqlite:FILE",
  import: "import FILE.jsonl --format commands --db sqlite:FILE",
  export: "export --db sqlite:FILE",
  verify: "verify --db sqlite:FILE",
  inspect: "inspect account-a --db sqlite:FILE",
  projections: "projections --db sqlite:FILE",
  rebuild: "rebuild account_summary --db sqlite:FILE",
  backup: "backup FILE.copy --db sqlite:FILE",
  copy: "copy --from sqlite:FILE --to sqlite:FILE.copy",
  schema: "schema --lock FILE.lock --fixtures .",
  openapi: "openapi"
} as const
export type Use = keyof typeof uses
export const names = Object.keys(uses) as ReadonlyArray<Use>

/** The program of a build, whose benchmarks are in this folder. */
export const programOf = (bench: string): string => {
  const [now = "", before = ""] = ["bank", "cli"].map((folder) => join(bench, "../src", folder, "main.js"))
  return existsSync(now) ? now : before
}

const row = '{"commandId":"1","accountId":"a","command":"Open","owner":"Anna","currency":"EUR"}\n'

/** Until the process says that it listens; then it is stopped. */
const serving = async (args: ReadonlyArray<string>, cwd: string): Promise<number> => {
  const start = performance.now()
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "ignore"] })
  const ended = once(child, "close")
  for await (const text of child.stdout.setEncoding("utf8")) if (String(text).includes("listening on")) break
  const seconds = (performance.now() - start) / 1_000
  child.kill("SIGKILL")
  await ended
  return seconds
}

export const starting = (program: string, use: Use): Contestant => ({
  name: use,
  run: async (folder): Promise<Work> => {
    const argumentsOf = (each: Use) => [program, ...uses[each].replaceAll("FILE", "accounts.db").split(" ")]
    const run = (each: Use) => execFileSync(process.execPath, argumentsOf(each), { cwd: folder, stdio: "pipe" })
    writeFileSync(join(folder, "accounts.db.jsonl"), row)
    if (use !== "import" && uses[use].includes("FILE")) run("import")
    if (use === "serve") return { count: 1, seconds: await serving(argumentsOf(use), folder), checksum: "" }
    const start = performance.now()
    run(use)
    return { count: 1, seconds: (performance.now() - start) / 1_000, checksum: "" }
  }
})

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const program = programOf(import.meta.dirname)
  // One that touches a database and one that serves keep the code alive.
  const measured: ReadonlyArray<Use> = size(0, 1) === 1 ? names : ["version", "verify", "serve"]
  const contestants = measured.map((use) => starting(program, use))
  return [await compare("start and end of the program", "times a second", contestants)]
}

export const ratios = ([result]: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  (result?.measured ?? [])
    .filter(({ name }) => name !== "version")
    .map(({ name }) => ({ what: `time of ${name}, against --version`, ratio: ratio(result, "version", name) }))
