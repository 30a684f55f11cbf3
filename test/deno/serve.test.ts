/**
 * The service on Deno, under the tests of HTTP. What looks into the database beside it, or sends requests, stays on
 * this Node. Left out are tests that set limits which `serve` has no flag for.
 */
import { tmpdir } from "node:os"
import process from "node:process"
import { daybook } from "./Deno.ts"

const addresses = "--allow-net=127.0.0.1,127.0.0.2,0.0.0.0,[::]"
process.env.DAYBOOK_PROGRAM = JSON.stringify(daybook(tmpdir(), addresses))

// They register their tests here; after the line above, so not as static imports.
await import("../http/access.test.ts")
await import("../http/commands.test.ts")
await import("../http/reads.test.ts")
await import("../http/serve.test.ts")
await import("../http/tour.test.ts")
await import("../http/transfers.test.ts")
await import("../http/crashes.test.ts")
