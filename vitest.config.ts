/**
 * The tests run in two parts, by `DAYBOOK_TESTS`: `npm test` runs all but the whole programs, and `npm run test:programs` those. Without
 * it, as for `npx vitest run FILE` and `npm run test:long`, there is one part with all.
 */
import process from "node:process"
import { configDefaults, defineConfig } from "vitest/config"

/** Files that start, kill and restart whole programs, of this release and of others: slow, and they rarely fail alone. */
const programs = [
  "test/alerts.test.ts",
  "test/api.test.ts",
  "test/bench.test.ts",
  "test/inside.test.ts",
  "test/install.test.ts",
  "test/outside.test.ts",
  "test/package.test.ts",
  "test/bank/Crash.test.ts",
  "test/cli/*.test.ts",
  "test/console/{operators,screens,states}.test.ts",
  "test/cluster/{conformance,processes,roundRobin,serve,starvation}.test.ts",
  "test/deno/*.test.ts",
  "test/nats/{cli,kills,processes}.test.ts",
  "test/http/{crashes,doors,faults,openapiClients,serve,tour}.test.ts",
  "test/projection/{Kill,TimersKill}.test.ts",
  "test/relay/*.test.ts",
  "test/release/*.test.ts"
]

const part = process.env.DAYBOOK_TESTS

export default defineConfig({
  test: {
    include: part === "programs" ? programs : ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(part === "quick" ? programs : [])],
    globalSetup: "test/globalSetup.ts",
    // Of two cores, vitest itself would use one.
    maxWorkers: 2,
    minWorkers: 1,
    // For a busy machine: a test that hangs is cut off, none is to be fast.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default", "./test/TotalsReporter.ts"]
  }
})
