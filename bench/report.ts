/** `report` makes the page and the charts of the benchmarks from kept results, and from nothing else. */
import { isMet, type Measured, type Ratio, type Result } from "./harness.ts"
import type { Machine } from "./machine.ts"

/** What is kept of one benchmark's last full run. */
export interface Kept {
  readonly name: string
  readonly at: string
  readonly machine: Machine
  readonly ratios: ReadonlyArray<Ratio>
  readonly results: ReadonlyArray<Result>
}

const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 })
const number = (value: number): string => digits.format(value)

/** The paragraphs of a benchmark's first comment, by what they begin with. */
const paragraphs = (source: string): ReadonlyArray<readonly [name: string, text: string]> => {
  const comment = /^\/\*\*(.*?)\*\//s.exec(source)?.[1] ?? ""
  const text = comment.replaceAll(/\s*\n \*\s?/g, " ").trim()
  const parts = text.split(/(?:^| )(Question|Method|Not measured): /).slice(1)
  return parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1] ?? ""] as const] : []))
}

const aimOf = ({ atLeast, atMost }: Ratio): string => {
  if (atLeast !== undefined) return `≥ ${atLeast}`
  return atMost === undefined ? "" : `≤ ${atMost}`
}
const verdictOf = (ratio: Ratio): string => {
  if (aimOf(ratio) === "") return ""
  return isMet(ratio) ? "met" : "**missed**"
}

const ratioRows = (ratios: ReadonlyArray<Ratio>): ReadonlyArray<string> => [
  "| what | ratio | aim | |",
  "| --- | ---: | ---: | --- |",
  ...ratios.map((ratio) => `| ${ratio.what} | ${number(ratio.ratio)} | ${aimOf(ratio)} | ${verdictOf(ratio)} |`)
]

const resultRows = (results: ReadonlyArray<Result>): ReadonlyArray<string> => [
  "| | | median | least | most | unit | rounds |",
  "| --- | --- | ---: | ---: | ---: | --- | ---: |",
  ...results.flatMap(({ benchmark, measured, rounds, unit }) =>
    measured.map(
      ({ least, median, most, name }) =>
        `| ${benchmark} | ${name} | ${number(median)} | ${number(least)} | ${number(most)} | ${unit} | ${rounds} |`
    )
  )
]

const place = ({ at, machine }: Kept): string => {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`)
  const { commit, cores, cpu, memoryGiB, platform } = machine
  return `${at.slice(0, 10)}, commit ${commit}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}; ${versions.join(", ")}.`
}

const toXml = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`)

const chart = { width: 760, label: 190, bar: 400, row: 22, title: 30 }

/** Bars of one result on a scale of its own, from 0; the thin line reaches from the smallest to the largest round. */
const bars = ({ benchmark, measured, unit }: Result, top: number): ReadonlyArray<string> => {
  const most = Math.max(...measured.map((one) => one.most))
  const x = (value: number): number => Math.round(chart.label + (value / most) * chart.bar)
  const bar = ({ least, median, most, name }: Measured, index: number) => {
    const y = top + chart.title + index * chart.row
    return [
      `<text x="${chart.label - 8}" y="${y + 12}" text-anchor="end">${toXml(name)}</text>`,
      `<rect x="${chart.label}" y="${y}" width="${Math.max(x(median) - chart.label, 1)}" height="16"/>`,
      `<path d="M${x(least)} ${y + 8}H${x(most)}"/>`,
      `<text x="${x(most) + 8}" y="${y + 12}">${number(median)}</text>`
    ].join("")
  }
  return [`<text class="title" x="0" y="${top + 18}">${toXml(benchmark)}, ${toXml(unit)}</text>`, ...measured.map(bar)]
}

const style = `text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}rect{fill:#4a7fb5}path{stroke:#d08a2e;stroke-width:2}
@media (prefers-color-scheme:dark){text{fill:#d8dee4}rect{fill:#5b92c9}}`

const draw = (name: string, results: ReadonlyArray<Result>): string => {
  const rows: Array<string> = []
  let top = 0
  for (const result of results) {
    rows.push(...bars(result, top))
    top += chart.title + result.measured.length * chart.row + 12
  }
  const size = `width="${chart.width}" height="${top}" viewBox="0 0 ${chart.width} ${top}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`,
    `<title>${toXml(name)}</title>`,
    `<style>${style}</style>`,
    ...rows,
    "</svg>",
    ""
  ].join("\n")
}

const section = (kept: Kept, source: string): ReadonlyArray<string> => [
  `## ${kept.name}`,
  "",
  ...paragraphs(source).flatMap(([name, text]) => [`**${name}.** ${text}`, ""]),
  `**Measured.** ${place(kept)}`,
  "",
  ...ratioRows(kept.ratios),
  "",
  `![${kept.name}](benchmarks/${kept.name}.svg)`,
  "",
  ...resultRows(kept.results),
  ""
]

const introduction = `# Benchmarks

Written by \`npm run bench -- --report\` from \`bench/results\`, which \`npm run bench\` leaves behind: no figure here was typed by
hand. Every figure compares contestants that took turns in one run on one machine, and is the median of their rounds; an
absolute figure says little on another machine, a ratio more. In all of them SQLite syncs at every commit
(\`synchronous=FULL\`), events are chained by hashes and command ids are looked up: nothing is switched off to be faster.

To run them yourself: \`npm ci\`, then \`npm run bench\` for all (an hour or two; \`growth\` needs 25 GB of disk in \`BENCH_DIR\`) or
\`npm run bench -- commands replay\` for some. Each benchmark is a file in \`bench\`, and fails where its contestants came to
different results.

## What was aimed at

Why one of these aims is missed, and what the profile says of it, is in [decision 10](decisions/0010-twenty-times-the-textbook.md).
`

/** Path and content of each file. `sourceOf` gives the source of a benchmark, which says what it measures. */
export const render = (
  all: ReadonlyArray<Kept>,
  sourceOf: (name: string) => string
): ReadonlyArray<readonly [path: string, text: string]> => {
  const aimed = all.flatMap(({ ratios }) => ratios).filter((ratio) => aimOf(ratio) !== "")
  const page = [introduction, ...ratioRows(aimed), "", ...all.flatMap((kept) => section(kept, sourceOf(kept.name)))]
  return [
    ["docs/benchmarks.md", page.join("\n")],
    ...all.map(({ name, results }) => [`docs/benchmarks/${name}.svg`, draw(name, results)] as const)
  ]
}
