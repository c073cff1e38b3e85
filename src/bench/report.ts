import type { Bar, Figure } from './figures.js'

export interface Surroundings {
  at: string
  node: string
  cpu: string
  cores: number
  postgres: string
  /** What BullMQ runs on */
  jobs: 'postgresql' | 'redis'
  seconds: number
}

/** The figures as a table for people. */
export function tableOf(figures: readonly Figure[]): string {
  const header = ['', 'figure', 'ratio', 'to the limit', 'bar', '']
  const rows = figures.map((figure) => [
    figure.title,
    amount(figure.value, figure.unit),
    figure.ratio === undefined ? '' : ratioText(figure.ratio),
    figure.limit ? `${figure.limit.name} ${amount(figure.limit.value, figure.unit)}` : '',
    figure.bar ? barText(figure.bar, figure.unit) : '',
    figure.isMet === null ? '' : figure.isMet ? 'met' : 'MISSED',
  ])
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)),
  )
  const isNumber = (column: number) => column === 1 || column === 2
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [line(header), ...rows.map(line)].join('\n')
}

/** The figures for programs: what bench-results.json holds. */
export function resultsOf(surroundings: Surroundings, figures: readonly Figure[]): string {
  const entries = figures.map(({ name, title, unit, value, ratio, limit, bar, isMet, detail }) => [
    name,
    {
      title,
      value: rounded(value),
      unit,
      limit: limit ? { name: limit.name, value: rounded(limit.value) } : null,
      ratio: ratio === undefined ? null : rounded(ratio),
      bar,
      met: isMet,
      ...(detail && { detail }),
    },
  ])
  const results = {
    ...surroundings,
    met: missedBars(figures).length === 0,
    figures: Object.fromEntries(entries),
  }
  return `${JSON.stringify(results, null, 2)}\n`
}

/** The titles of the figures that do not reach their bars. */
export function missedBars(figures: readonly Figure[]): string[] {
  return figures.filter(({ isMet }) => isMet === false).map(({ title }) => title)
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** A number for people: whole from ten on. */
function amount(value: number, unit: Figure['unit']): string {
  return `${Math.abs(value) >= 10 ? grouped.format(value) : value.toFixed(1)} ${unit}`
}

const ratioText = (ratio: number): string => (ratio >= 10 ? grouped.format(ratio) : ratio.toFixed(3))

function barText(bar: Bar, unit: Figure['unit']): string {
  const [sign, value] = 'atLeast' in bar ? ['≥', bar.atLeast] : ['≤', bar.atMost]
  return bar.of === 'ratio' ? `${sign} ${value} of it` : `${sign} ${value} ${unit}`
}

const rounded = (value: number): number => Number(value.toPrecision(4))
