/** Writes the tables of README.md from `result.json`, and from nothing else. */
import { readFileSync, writeFileSync } from "node:fs"

const here = (name) => new URL(name, import.meta.url)
const { at, machine, results, rounds } = JSON.parse(readFileSync(here("result.json"), "utf8"))

const figure = (value) => new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(value)

/** What did not go as it should, in words. */
const notesOf = ({ acknowledged, deposits, died, errors = {}, late, stored }) => {
  const notes = []
  if (died?.length > 0) notes.push(`its process ended ${died.length} × (${died[0]})`)
  if (late > 0) notes.push(`not within the time ${late} ×`)
  if (acknowledged?.some((count) => count < deposits)) notes.push(`${acknowledged.join(", ")} of ${deposits} done`)
  if (acknowledged?.some((count, index) => stored[index] !== count)) notes.push(`${stored.join(", ")} stored`)
  for (const [text, count] of Object.entries(errors).slice(0, 2)) notes.push(`${count} × \`${text}\``)
  return notes.join("; ")
}

const tables = []
for (const key of new Set(results.map(({ load, store }) => `${store}: ${load}`))) {
  const rows = results.filter(({ load, store }) => `${store}: ${load}` === key)
  const [daybook] = rows
  const isTime = daybook.millis !== undefined
  tables.push(
    `### ${key}`,
    "",
    `| | ${isTime ? "ms" : "per second"} | Daybook is | ids | hashes | isolation | |`,
    "| --- | ---: | ---: | --- | --- | --- | --- |",
    ...rows.map((row) => {
      const { hashes = "", ids = "", isolation = "" } = row.promises ?? {}
      const value = isTime ? row.millis : row.perSecond
      const times = isTime ? value / daybook.millis : daybook.perSecond / value
      const ratio = row === daybook || !Number.isFinite(times) ? "" : `${figure(times)} ×`
      return `| ${row.name} | ${figure(value)} | ${ratio} | ${ids} | ${hashes} | ${isolation} | ${notesOf(row)} |`
    }),
    ""
  )
}
const { cores, cpu, versions } = machine
const head = `Medians of ${rounds} rounds, ${at.slice(0, 10)}, ${cpu}, ${cores} cores, Node ${versions.node}, commit ${machine.commit}.`
const readme = readFileSync(here("README.md"), "utf8")
const [before] = readme.split("<!-- tables -->")
writeFileSync(here("README.md"), `${before}<!-- tables -->\n${head}\n\n${tables.join("\n")}`)
