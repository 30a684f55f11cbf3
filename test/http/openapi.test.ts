/** The document of the service as others take it: whole, and without an error by a linter (HX6). Without a network. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"
import { bin, documentIn, folder, run } from "./OpenApi.ts"

const timeout = 120_000

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
})
