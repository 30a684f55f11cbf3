/** `Deno.test`, as far as the tests use it: tsc has no types of Deno. */
export const { test } = (
  globalThis as unknown as {
    readonly Deno: { readonly test: (name: string, run: () => Promise<void>) => void }
  }
).Deno
