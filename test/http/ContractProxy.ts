/**
 * A proxy between client and service that compares each request and answer with the document of the service, and says
 * in a header field of the answer what does not fit (Prism, in a process of its own).
 */
import { spawn } from "node:child_process"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { join } from "node:path"
import process from "node:process"
import { Effect } from "effect"

const script = join(import.meta.dirname, "../../node_modules/@stoplight/prism-cli/dist/index.js")

/** A port that is free now. Prism does not tell which one it took. */
const freePort = Effect.async<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/**
 * Starts it before the service at this address, and gives its own. It ends with the scope. `lenient`: it passes on
 * requests that do not fit the document, for suites that send such; else it refuses them with 422 itself.
 */
export const start = (document: string, upstream: string, how: "strict" | "lenient") =>
  Effect.gen(function* () {
    const port = yield* freePort
    const options = ["-h", "127.0.0.1", "-p", String(port), "--validate-request", String(how === "strict")]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [script, "proxy", document, upstream, ...options], {
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    yield* Effect.async<void, Error>((resume) => {
      let text = ""
      for (const output of [child.stdout, child.stderr]) {
        output.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk
          if (text.includes("Prism is listening")) resume(Effect.void)
        })
      }
      child.once("close", (code) => resume(Effect.fail(new Error(`the proxy ended with ${code}: ${text}`))))
    })
    return `http://127.0.0.1:${port}`
  })

interface Violation {
  readonly location: ReadonlyArray<string>
  readonly message: string
}

/**
 * What in an answer that came through the proxy does not fit the document; that the request did not is the suite's own
 * matter.
 */
export const violations = (headers: Headers): ReadonlyArray<string> => {
  const found: ReadonlyArray<Violation> = JSON.parse(headers.get("sl-violations") ?? "[]")
  return found
    .filter(({ location: [where] }) => where === "response")
    .map(({ location, message }) => `${location.join(".")}: ${message}`)
}
