import { BpfError } from '#addon'
import { DUMPED_MAPS, type DumpRow, dumpMap } from '../../mode/ebpf/dump.ts'
import { CommandError, ExitCode } from '../exit-code.ts'
import { type Output, printDocument, printLines } from '../output.ts'
import { type PinOptions, resolvePinDir } from '../paths.ts'
import { formatTable } from '../table.ts'

interface DumpOptions extends PinOptions {
  readonly output: Output
  readonly headers: boolean
}

/** `kproxy dump [MAP]` */
export async function dump(map: string | undefined, options: DumpOptions): Promise<void> {
  if (map !== undefined && !DUMPED_MAPS.includes(map)) {
    throw new CommandError(
      ExitCode.usage,
      `no such map: "${map}"; there are ${DUMPED_MAPS.join(', ')}`,
    )
  }
  const pinDir = resolvePinDir(options)
  const names = map === undefined ? DUMPED_MAPS : [map]
  const maps: Record<string, DumpRow[]> = {}
  for (const name of names) maps[name] = await read(pinDir, name)
  if (printDocument(options.output, 'Dump', { pinDir, maps })) return
  for (const name of names) {
    if (map === undefined) printLines(`${name}:`)
    printRows(maps[name] ?? [], options.headers)
    if (map === undefined) printLines('')
  }
}

async function read(pinDir: string, name: string): Promise<DumpRow[]> {
  try {
    return await dumpMap(pinDir, name)
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENOENT') {
      throw new CommandError(
        ExitCode.failure,
        `nothing of kproxy is pinned in ${pinDir}; has it run on this node? See --node-name and --pin-dir`,
      )
    }
    throw error
  }
}

function printRows(rows: readonly DumpRow[], headers: boolean): void {
  if (rows.length === 0) {
    printLines('(empty)')
    return
  }
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const titles = columns.map((column) => column.replace(/([A-Z])/g, '-$1').toUpperCase())
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? '')))
  printLines(formatTable(headers ? titles : undefined, cells))
}
