/** The service on Deno, under every test that meets it as a process of its own; stores and clients stay on this Node. */
import { tmpdir } from "node:os"
import process from "node:process"
import { daybook } from "./Deno.ts"

const addresses = "--allow-net=127.0.0.1,127.0.0.2,0.0.0.0,[::]"
process.env.DAYBOOK_PROGRAM = JSON.stringify(daybook(tmpdir(), addresses))

// They register their tests here; after the line above, so not as static imports.
await import("../http/serve.test.ts")
await import("../http/tour.test.ts")
await import("../http/crashes.test.ts")
