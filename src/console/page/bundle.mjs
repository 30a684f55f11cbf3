/**
 * Bundles the page into a folder: `node src/console/page/bundle.mjs dist/console`. What it is made of is bundled, so
 * that who installs the package installs none of it.
 */
import { copyFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { buildSync } from "esbuild"

const [to] = process.argv.slice(2)
if (to === undefined) throw new Error("bundle.mjs FOLDER")
const from = import.meta.dirname ?? new URL(".", import.meta.url).pathname
mkdirSync(to, { recursive: true })
buildSync({
  entryPoints: [join(from, "app.ts"), join(from, "app.css")],
  outdir: to,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  legalComments: "inline",
  logLevel: "warning"
})
for (const file of ["index.html", "icon.svg"]) copyFileSync(join(from, file), join(to, file))
