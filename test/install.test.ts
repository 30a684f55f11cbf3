/**
 * What a newcomer does: in an empty folder, with nothing but Node and npm, the commands of the Install page as they
 * stand there, then the same folder on Deno. Packages come from this machine alone; see `Registry.ts`.
 */
import { execFile } from "node:child_process"
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./cli/Cli.ts"
import * as Deno from "./deno/Deno.ts"
import * as Serve from "./http/Serve.ts"
import { ask } from "./http/Service.ts"
import * as Package from "./Package.ts"
import * as Registry from "./Registry.ts"

const page = readFileSync(join(Package.root, "docs/install.md"), "utf8")

const fences = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text = ""]) => ({ language, text }))

const blocks = (text: string, language: string): ReadonlyArray<string> =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(([, block = ""]) => block)

/** What the page shows in this language and begins so; commands stand in none. */
const shown = (language: string, begins: string): string =>
  fences.find((each) => each.language === language && each.text.startsWith(begins))?.text ??
  assert.fail(`the page shows nothing that begins with ${begins}`)

/** What to install for an entry point, as its row says. */
const row = (entry: string): string => {
  const line = page.split("\n").find((each) => each.startsWith(`| \`${entry}\``))
  return /`(npm install [^`]+)`/.exec(line ?? "")?.[1] ?? assert.fail(`the page has no row of ${entry}`)
}

/** Node, npm and npx, and what a shell has: nothing of this project. */
const newcomer = (folder: string, registry: string) => {
  const bin = join(folder, "bin")
  mkdirSync(bin)
  symlinkSync(process.execPath, join(bin, "node"))
  const env = {
    PATH: `${bin}:${join(process.execPath, "..")}:/usr/bin:/bin`,
    HOME: folder,
    npm_config_registry: registry,
    npm_config_cache: join(folder, "cache"),
    // What they would build or fetch is in the packages, as `npm ci` left them here.
    npm_config_ignore_scripts: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false"
  }
  return (cwd: string, commands: string) =>
    Effect.promise(() =>
      promisify(execFile)("sh", ["-ec", commands], { cwd, env, maxBuffer: 1 << 24 }).then(
        ({ stdout }) => stdout,
        ({ stderr, stdout }: { readonly stderr: string; readonly stdout: string }) =>
          assert.fail(`${commands}\n${stdout}${stderr}`)
      )
    )
}

const modules = (project: string) => readdirSync(join(project, "node_modules/@effect")).sort()

describe("a newcomer with the Install page", () => {
  it.scopedLive(
    "has the tank, its command line, its server and its client, on Node and then on Deno",
    () =>
      Effect.gen(function* () {
        const folder = yield* Cli.folder
        const run = newcomer(folder, yield* Registry.start)
        yield* run(folder, shown("", "mkdir tank"))
        const project = join(folder, "tank")
        assert.deepStrictEqual(modules(project), ["experimental", "platform", "rpc", "sql", "sql-sqlite-node"])
        assert.deepInclude(JSON.parse(readFileSync(join(project, "package.json"), "utf8")), { type: "module" })

        writeFileSync(join(project, "tsconfig.json"), shown("json", '{\n  "compilerOptions"'))
        assert.notInclude(readFileSync(join(project, "tsconfig.json"), "utf8"), "skipLibCheck")
        cpSync(join(Package.root, "examples/tank/src"), join(project, "src"), { recursive: true })
        assert.strictEqual(yield* run(project, shown("", "npx tsc")), "60 litres\n")

        // The README asks for the same packages, and has an aggregate to put into one file.
        const readme = readFileSync(join(Package.root, "README.md"), "utf8")
        const minutes = readme.slice(0, readme.indexOf("## Larger"))
        const [, start = ""] = blocks(minutes, "sh")
        writeFileSync(join(project, "tank.ts"), blocks(minutes, "ts").join(""))
        assert.strictEqual(yield* run(project, start), blocks(minutes, "text").join(""))

        const db = ["--db", `sqlite:${join(project, "tank.db")}`]
        yield* run(project, `${row("daybook/http")}\n${row("daybook/cli")}`)
        const [verify = "", serve = ""] = shown("", "npx daybook").split("\n")
        assert.include(yield* run(project, verify), "1 events in 1 streams")
        assert.match(serve, /^npx daybook --app \S+ serve --db sqlite:tank.db$/)

        const application = join(project, "dist/application.js")
        const client = join(project, "client.js")
        writeFileSync(join(project, "deno.json"), shown("json", '{ "nodeModulesDir"'))
        const program = join(project, "node_modules/daybook/dist/bank/main.js")
        const runtimes: ReadonlyArray<(module: string) => Cli.Program> = [
          (module) => [process.execPath, module],
          (module) => Deno.run(module, project, "--allow-net=127.0.0.1")
        ]
        let litres = 60
        for (const on of runtimes) {
          const [command, ...args] = on(program)
          const server = yield* Serve.start([command, ...args, "--app", application], db)
          const { json } = yield* ask(`${server.url}/aggregates/Tank/north`)
          assert.deepStrictEqual(json.state, { litres })
          writeFileSync(client, shown("js", "import { Client }").replaceAll("http://127.0.0.1:8080", server.url))
          const said = yield* Cli.run([], { program: on(client), cwd: project })
          litres += 5
          assert.deepStrictEqual(said, { code: 0, stdout: `${litres} litres\n`, stderr: "" })
          server.process.kill("SIGTERM")
          assert.strictEqual(yield* server.ended, 0)

          const filled = yield* Cli.run([], { program: on(join(project, "dist/tank.js")), cwd: project })
          litres += 60
          assert.strictEqual(filled.stdout, `${litres} litres\n`, filled.stderr)
          const verified = yield* Cli.run(["--app", application, "verify", ...db], {
            program: on(program),
            cwd: project
          })
          assert.strictEqual(verified.code, 0, verified.stderr)
        }
      }),
    300_000
  )
})
