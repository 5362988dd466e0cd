import type { FlagTexts } from '../../config/flag-values.ts'
import { formatProvenance, toObject, toOwnObject, toYaml } from '../../config/format.ts'
import { valueAt } from '../../config/notices.ts'
import { formatProblem } from '../../config/problem.ts'
import { requireConfiguration } from '../configuration.ts'
import { type Output, printDocument, printLines } from '../output.ts'
import { formatTable } from '../table.ts'

interface PrintOptions {
  readonly config: string | undefined
  readonly settings: FlagTexts
  readonly output: Output
}

/** `kproxy config print` */
export async function configPrint(options: PrintOptions): Promise<void> {
  const { configuration } = await requireConfiguration(options)
  for (const problem of configuration.problems) {
    process.stderr.write(`${problem.severity}: ${formatProblem(problem)}\n`)
  }
  if (options.output === 'yaml') {
    process.stdout.write(toYaml(configuration))
    return
  }
  const { kubeProxy, kproxy, provenance } = configuration
  const written = [toObject(kubeProxy), toOwnObject(kproxy)] as const
  const fields = [...provenance].map(([path, { from, at }]) => ({
    path,
    value: written.map((object) => valueAt(object, path)).find((value) => value !== undefined),
    from,
    at,
  }))
  if (printDocument(options.output, 'EffectiveConfiguration', { fields })) return
  const rows = fields.map(({ path, value, from, at }) => [
    path,
    typeof value === 'string' ? value : JSON.stringify(value),
    formatProvenance({ from, at }),
  ])
  printLines(formatTable(['FIELD', 'VALUE', 'SOURCE'], rows))
}
