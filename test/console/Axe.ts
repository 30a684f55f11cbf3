/** What `axe` finds in a page that keeps somebody from using it. */
import { assert } from "@effect/vitest"
import axe from "axe-core"
import type { Page } from "playwright-core"

/** Nothing that it calls serious or worse. */
export const assertAccessible = async (page: Page, view: string): Promise<void> => {
  // By the debugger's door, so that the page's policy stays as it is.
  await page.evaluate(axe.source)
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`)
  })
  assert.deepStrictEqual(found, [], view)
}
