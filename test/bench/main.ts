import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { stockProgram } from '../cluster/stock.ts'
import { kproxyProgram } from '../lab/index.ts'
import { readConditions } from './conditions.ts'
import { measureModel } from './model-cost.ts'
import { FULL, NOT_QUICK, type Plan, QUICK, Selection } from './plan.ts'
import { type BenchId, judged, type Measurement, QUESTIONS } from './results.ts'
import { Rig } from './rig.ts'
import { STEAL_LIMIT } from './slices.ts'
import { type RunNotes, Suite } from './suite.ts'
import { formatResults } from './table.ts'

const NO_NOTES: RunNotes = { steal: 0, rounds: 0, discarded: 0, failures: [] }

const OUTPUT = fileURLToPath(new URL('../../build/bench/', import.meta.url))

const USAGE = `usage: node test/bench/main.ts [--quick] [--only P1,P7]

Measures kproxy beside stock kube-proxy and beside no proxy at all, writes
build/bench/results.json and prints a table. Needs root and a quiet machine.
--quick does less of everything; ${NOT_QUICK.join(', ')}, large Services and
changes at many endpoints only where --only names the question.

${Object.entries(QUESTIONS)
  .map(([id, question]) => `  ${id.padEnd(4)} ${question}`)
  .join('\n')}
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const plan = values.quick ? QUICK : FULL
  const selection = new Selection(values.only, Object.keys(QUESTIONS) as BenchId[], values.quick)
  const conditions = readConditions([
    { name: 'kube-proxy', command: [stockProgram('kube-proxy'), '--version'] },
    { name: 'kproxy', command: [kproxyProgram, 'version'] },
    { name: 'iptables', command: ['iptables', '-V'] },
    { name: 'nft', command: ['nft', '--version'] },
  ])
  const begun = performance.now()
  const elapsed = () => `${((performance.now() - begun) / 1e3).toFixed(0).padStart(4)} s`
  const say = (what: string) => process.stderr.write(`${elapsed()}  ${what}\n`)

  const measurements: Measurement[] = []
  if (selection.has('M1')) {
    say('events in the model alone')
    measurements.push(...(await measureModel(plan.model)))
  }
  let notes = NO_NOTES
  if (selection.rig) {
    const suite = await runSuite(plan, selection, say)
    measurements.push(...suite.measurements)
    notes = suite.notes
  }
  const results = measurements.map(judged)
  const document = {
    conditions: {
      ...conditions,
      loadAverageAtEnd: loadavg(),
      seconds: Math.round((performance.now() - begun) / 1e3),
      plan,
      stealLimit: STEAL_LIMIT,
      ...notes,
    },
    results,
  }
  mkdirSync(OUTPUT, { recursive: true })
  writeFileSync(`${OUTPUT}results.json`, `${JSON.stringify(document, null, 2)}\n`)
  process.stdout.write(`${formatResults(results)}\n`)
  for (const failure of notes.failures) process.stdout.write(`\nfailed: ${failure}`)
  say('wrote build/bench/results.json')
  if (notes.failures.length > 0) process.exitCode = 1
}

async function runSuite(
  plan: Plan,
  selection: Selection,
  say: (what: string) => void,
): Promise<Suite> {
  say('building the rig')
  const rig = await Rig.create()
  const end = () => {
    rig.destroy().finally(() => process.exit(130))
  }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  const suite = new Suite(rig, plan, selection, say)
  try {
    await suite.run()
  } finally {
    await rig.destroy()
  }
  return suite
}

await main()
