/**
 * Charts as SVG: a line of steps with its axes, and a sparkline without. What is nearest to the pointer is told in
 * words.
 */
import { useState } from "preact/hooks"
import { type Element, html } from "./Html.ts"

export interface Point {
  readonly x: number
  readonly y: number
}

const extent = (values: ReadonlyArray<number>): readonly [number, number] => {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return low === high ? [low - 1, high + 1] : [low, high]
}

export const Sparkline = ({
  values,
  label
}: {
  readonly values: ReadonlyArray<number>
  readonly label: string
}): Element => {
  const [low, high] = extent([0, ...values])
  const x = (index: number) => (values.length < 2 ? 0 : (index / (values.length - 1)) * 120)
  const points = values.map(
    (value, index) => `${x(index).toFixed(1)},${(26 - ((value - low) / (high - low)) * 24).toFixed(1)}`
  )
  return html`<svg class="spark" viewBox="0 0 120 28" role="img" aria-label=${label} preserveAspectRatio="none">
    ${values.length > 1 && html`<polyline points=${points.join(" ")} fill="none" vector-effect="non-scaling-stroke" />`}
  </svg>`
}

const [width, height, left, bottom] = [720, 240, 84, 24]

/** Round numbers within the limits. */
const ticks = (low: number, high: number, about: number): ReadonlyArray<number> => {
  const rough = (high - low) / about
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough
  const found: Array<number> = []
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(value)
  return found
}

export interface Props {
  readonly label: string
  readonly points: ReadonlyArray<Point>
  readonly chosen: number
  readonly write: (value: number) => string
  readonly onChoose: (x: number) => void
}

/** A value that holds from each point to the next. */
export const Steps = ({ chosen, label, onChoose, points, write }: Props): Element => {
  const [near, setNear] = useState<Point>()
  const [from, to] = extent(points.map(({ x }) => x))
  const [low, high] = extent(points.map(({ y }) => y))
  const x = (value: number) => left + ((value - from) / (to - from)) * (width - left - 12)
  const y = (value: number) => height - bottom - ((value - low) / (high - low)) * (height - bottom - 12)
  const path = points.map((point, index) =>
    index === 0
      ? `M${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`
      : `H${x(point.x).toFixed(1)}V${y(point.y).toFixed(1)}`
  )
  const nearest = (event: PointerEvent): Point | undefined => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect()
    const at = from + ((((event.clientX - box.left) / box.width) * width - left) / (width - left - 12)) * (to - from)
    return points.reduce<Point | undefined>(
      (best, point) => (best === undefined || Math.abs(point.x - at) < Math.abs(best.x - at) ? point : best),
      undefined
    )
  }
  const told = near ?? points.find((point) => point.x === chosen) ?? points.at(-1)
  return html`<figure class="chart">
    <figcaption>${label}${told !== undefined && html`: <b class="figure">${write(told.y)}</b> at version <b class="figure">${told.x}</b>`}</figcaption>
    <svg viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${`${label}, from version ${from} to ${to}`}
      onPointerMove=${(event: PointerEvent) => setNear(nearest(event))} onPointerLeave=${() => setNear(undefined)}
      onClick=${(event: PointerEvent) => {
        const point = nearest(event)
        if (point !== undefined) onChoose(point.x)
      }}>
      ${ticks(low, high, 4).map(
        (value) => html`<g class="tick"><line x1=${left} x2=${width - 12} y1=${y(value)} y2=${y(value)} />
        <text x=${left - 8} y=${y(value) + 4} text-anchor="end">${write(value)}</text></g>`
      )}
      ${ticks(from, to, 6)
        .filter(Number.isInteger)
        .map((value) => html`<text class="tick" x=${x(value)} y=${height - 6} text-anchor="middle">${value}</text>`)}
      <path class="line" d=${path.join("")} fill="none" />
      ${points.some((point) => point.x === chosen) && html`<line class="chosen" x1=${x(chosen)} x2=${x(chosen)} y1="8" y2=${height - bottom} />`}
      ${told !== undefined && html`<circle cx=${x(told.x)} cy=${y(told.y)} r="4" />`}
    </svg>
  </figure>`
}
