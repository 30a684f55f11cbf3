/**
 * Clients that generators make of the document of the service: they compile and tour it; and a validating proxy that sees the tours and
 * the suite of commands (HX6, HX8). Without a network.
 */
import { createHash } from "node:crypto"
import { cpSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as ContractProxy from "./ContractProxy.ts"
import { bin, documentIn, folder, succeed } from "./OpenApi.ts"
import * as Service from "./Service.ts"

const timeout = 120_000

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
