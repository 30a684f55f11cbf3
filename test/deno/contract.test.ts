/**
 * HX1 to HX5, HX7, HX9 and HX10 with the service on Deno. What the tests check in this process alone, such as tokens that change
 * between two requests, they leave out.
 */
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { daybook, run } from "./Deno.ts"

const folder = tmpdir()
process.env.DAYBOOK_PROGRAM = JSON.stringify(daybook(folder, "--allow-net=127.0.0.1"))
process.env.DAYBOOK_LIMITED = JSON.stringify(
  run(join(import.meta.dirname, "limited.ts"), folder, "--allow-net=127.0.0.1")
)

// They register their tests here; after the line above, so not as static imports.
await import("../http/contract.test.ts")
await import("../http/newerRelease.test.ts")
await import("../http/requestTarget.test.ts")
await import("../http/otherProtocols.test.ts")
await import("../http/tokens.test.ts")
await import("../http/jwt.test.ts")
await import("../http/principal.test.ts")
await import("../http/sockets.test.ts")
