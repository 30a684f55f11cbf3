import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
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
