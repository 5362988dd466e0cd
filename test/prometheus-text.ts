/** A metric of a scrape, with its samples. */
export interface Family {
  readonly type: string
  readonly help: string
  readonly samples: Sample[]
}

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped']
const SUFFIXES = /_(bucket|sum|count)$/

/**
 * Reads the Prometheus text format 0.0.4, strictly: what a real scraper would refuse or misread is an
 * error here.
 *
 * @throws Error that names the line
 */
export function parsePrometheusText(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  let help: { name: string; text: string } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fail = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`)
    }
    if (line === '') continue
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    if (comment?.[1] === 'HELP') help = { name: comment[2] ?? '', text: comment[3] ?? '' }
    else if (comment !== null) {
      const [, , name = '', type = ''] = comment
      if (!NAME.test(name)) fail('not a metric name')
      if (!TYPES.includes(type)) fail('not a type')
      if (families.has(name)) fail('a second TYPE')
      if (help?.name !== name) fail('no HELP before it')
      families.set(name, { type, help: help?.text ?? '', samples: [] })
    } else {
      const [, name = '', labelText = '', valueText = ''] =
        /^([^{\s]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? fail('not a sample')
      const family = families.get(name) ?? families.get(name.replace(SUFFIXES, ''))
      if (family === undefined) return fail('no TYPE before it')
      const value = numberOf(valueText)
      if (Number.isNaN(value) && !/^nan$/i.test(valueText)) fail('not a number')
      const sample = { name, labels: labelsOf(labelText, fail), value }
      const identity = JSON.stringify([name, Object.entries(sample.labels).sort()])
      if (seen.has(identity)) fail('a second sample of the same labels')
      seen.add(identity)
      family.samples.push(sample)
    }
  }
  for (const [name, family] of families) {
    if (family.type === 'histogram') checkHistogram(name, family)
    if (family.type !== 'counter') continue
    if (family.samples.some(({ value }) => value < 0)) throw new Error(`${name} is below 0`)
  }
  return families
}

/** Label names of a metric's samples, less `le`, and the bounds of its buckets. */
export function shapeOf(family: Family): { labels: string[]; buckets: string[] } {
  const labels = new Set(family.samples.flatMap((sample) => Object.keys(sample.labels)))
  const buckets = new Set(family.samples.flatMap(({ labels: { le } }) => le ?? []))
  labels.delete('le')
  return { labels: [...labels].sort(), buckets: [...buckets] }
}

const numberOf = (text: string) =>
  text === '+Inf'
    ? Number.POSITIVE_INFINITY
    : text === '-Inf'
      ? Number.NEGATIVE_INFINITY
      : Number(text)

function labelsOf(text: string, fail: (why: string) => never): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    const [, name = '', value = ''] = LABEL.exec(text) ?? fail('malformed labels')
    if (name in labels) fail('a label twice')
    labels[name] = value
  }
  return labels
}

/** Buckets grow, and the last of them has everything. */
function checkHistogram(name: string, { samples }: Family): void {
  const series = Map.groupBy(samples, ({ labels: { le: _, ...rest } }) => JSON.stringify(rest))
  for (const [labels, group] of series) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`)
    const count = group.find((sample) => sample.name === `${name}_count`)
    const last = buckets.at(-1)
    const grows = buckets.every(({ value }, index) => value >= (buckets[index - 1]?.value ?? 0))
    if (!grows || last?.labels.le !== '+Inf' || last.value !== count?.value) {
      throw new Error(`${name}${labels} is no histogram`)
    }
  }
}
