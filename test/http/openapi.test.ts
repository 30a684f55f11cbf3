/**
 * The document of the service as others take it: a linter, two generators whose clients compile and tour the service,
 * and a validating proxy that sees the tours and the suite of commands (HX6, HX8). Without a network.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as ContractProxy from "./ContractProxy.ts"
import * as Service from "./Service.ts"

const root = join(import.meta.dirname, "../..")
const bin = (name: string) => join(root, "node_modules/.bin", name)
const timeout = 120_000

interface Ended {
  readonly code: number
  readonly output: string
}

const run = (
  command: string,
  args: ReadonlyArray<string>,
  { cwd = root, env = {} }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}
): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 32 * 1_048_576 }
    const child = execFile(command, args, options, (_, stdout, stderr) =>
      resume(Effect.succeed({ code: child.exitCode ?? 1, output: stdout + stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Runs it, and fails with what it said when it fails. */
const succeed = (...args: Parameters<typeof run>) =>
  Effect.map(run(...args), ({ code, output }) => {
    assert.strictEqual(code, 0, output)
    return output
  })

/** A folder from which the packages of the project are found. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    mkdirSync(join(root, "node_modules/.cache"), { recursive: true })
    return mkdtempSync(join(root, "node_modules/.cache/openapi-"))
  }),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** The document in a file of this folder. */
const documentIn = (path: string) =>
  Effect.map(Cli.run(["openapi"]), ({ stdout }) => {
    const file = join(path, "openapi.json")
    writeFileSync(file, stdout)
    return file
  })

const token = "s3cret"

/** The service, with the proxy before it. */
const served = (document: string) =>
  Effect.gen(function* () {
    const home = yield* temporaryFolder
    const tokens = join(home, "tokens.json")
    const sha256 = createHash("sha256").update(token).digest("hex")
    writeFileSync(tokens, JSON.stringify([{ name: "tour", sha256, scopes: ["admin"] }]))
    const { url } = yield* Service.start(["--db", `sqlite:${join(home, "d.db")}`, "--tokens", tokens])
    return yield* ContractProxy.start(document, url, "strict")
  })

/** Compiles a client and its tour, and tours the service through the proxy, which must find nothing. */
const tour = (path: string, document: string, file: string) =>
  Effect.gen(function* () {
    cpSync(join(import.meta.dirname, "clients", file), join(path, file))
    writeFileSync(join(path, "package.json"), '{"type":"module"}')
    writeFileSync(
      join(path, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          target: "ES2023",
          lib: ["ES2023", "DOM", "DOM.Iterable"],
          module: "NodeNext",
          moduleResolution: "NodeNext",
          allowImportingTsExtensions: true,
          rewriteRelativeImportExtensions: true,
          types: ["node"],
          skipLibCheck: true,
          outDir: "out"
        },
        include: ["*.ts", "generated/**/*.ts"]
      })
    )
    yield* succeed(bin("tsc"), ["-p", path])
    const url = yield* served(document)
    const output = yield* succeed(process.execPath, [join(path, "out", file.replace(".ts", ".js")), url, token])
    assert.include(output, "toured")
  })

describe("the OpenAPI document", () => {
  it.scopedLive(
    "refers to nothing that is not there, and has summary, errors and examples on every operation",
    () =>
      Effect.gen(function* () {
        const { stdout } = yield* Cli.run(["openapi"])
        const document = JSON.parse(stdout)
        const follow = (value: unknown, path: string): void => {
          if (typeof value !== "object" || value === null) return
          for (const [key, inner] of Object.entries(value)) {
            if (key !== "$ref") {
              follow(inner, `${path}/${key}`)
              continue
            }
            const target = String(inner).replace("#/", "").split("/")
            assert.isDefined(
              target.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document),
              `${path}: ${inner}`
            )
          }
        }
        follow(document, "")
        assert.isNotEmpty(document.servers)
        const tags = new Map<string, unknown>(
          document.tags.map(({ description, name }: Record<string, string>) => [name, description])
        )
        let count = 0
        for (const [path, operations] of Object.entries<Record<string, unknown>>(document.paths)) {
          // biome-ignore lint/suspicious/noExplicitAny: a document of JSON.
          for (const [method, operation] of Object.entries<any>(operations as never)) {
            const what = `${method} ${path}`
            count++
            assert.isString(operation.summary, what)
            assert.isArray(operation.security, what)
            for (const tag of operation.tags) assert.isString(tags.get(tag), `${what}: ${tag}`)
            const { content } = operation.requestBody ?? {}
            if (content !== undefined) assert.isDefined(content["application/json"].example, what)
            const statuses = Object.keys(operation.responses)
            // Only the application could say an example of what an aggregate's own schemas hold.
            const isGeneric = path.startsWith("/aggregates/")
            for (const status of ["400", "500"]) assert.include(statuses, status, what)
            for (const status of statuses) {
              const { content: answered } = operation.responses[status]
              for (const [type, media] of Object.entries<Record<string, object>>(answered ?? {})) {
                if (isGeneric && Number(status) < 400) continue
                const examples = "example" in media ? 1 : Object.keys(media.examples ?? {}).length
                assert.isAbove(examples, 0, `${what} ${status} ${type}`)
              }
            }
          }
        }
        assert.isAbove(count, 20)
      }),
    timeout
  )

  it.scopedLive(
    "has no error by the recommended rules of a linter",
    () =>
      Effect.gen(function* () {
        const document = yield* documentIn(yield* folder)
        const config = join(import.meta.dirname, "redocly.yaml")
        const env = { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" }
        const args = ["lint", document, "--config", config, "--format", "json", "--max-problems", "1000"]
        const { code, output } = yield* run(bin("redocly"), args, { env })
        const { totals } = JSON.parse(output.slice(output.indexOf("{\n"), output.lastIndexOf("}") + 1))
        assert.deepInclude(totals, { errors: 0, warnings: 0 }, output)
        assert.strictEqual(code, 0)
      }),
    timeout
  )

  it.scopedLive(
    "makes a client of openapi-typescript and openapi-fetch that compiles and tours the service (HX6 HX8)",
    () =>
      Effect.gen(function* () {
        const path = yield* folder
        const document = yield* documentIn(path)
        yield* succeed(bin("openapi-typescript"), [document, "--output", join(path, "generated.ts")])
        yield* tour(path, document, "openapiFetch.ts")
      }),
    timeout
  )

  it.scopedLive(
    "makes a client of @hey-api/openapi-ts that compiles and tours the service (HX6 HX8)",
    () =>
      Effect.gen(function* () {
        const path = yield* folder
        const document = yield* documentIn(path)
        const output = join(path, "generated")
        const plugins = ["--plugins", "@hey-api/typescript", "@hey-api/sdk", "@hey-api/client-fetch"]
        yield* succeed(bin("openapi-ts"), ["--input", document, "--output", output, "--silent", ...plugins], {
          cwd: path
        })
        yield* tour(path, document, "heyApi.ts")
      }),
    timeout
  )

  it.scopedLive(
    "is what the service answers to the suite of commands, by a proxy that compares them (HX6)",
    () =>
      Effect.gen(function* () {
        const document = yield* documentIn(yield* folder)
        const args = ["run", "test/http/commands.test.ts", "--reporter", "default"]
        // Which part of the tests this run is does not matter to that one.
        yield* succeed(bin("vitest"), args, { env: { DAYBOOK_PROXY: document, DAYBOOK_TESTS: "" } })
      }),
    timeout
  )
})
