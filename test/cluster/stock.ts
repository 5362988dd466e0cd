import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The programs of a stock cluster that tests and benchmarks run (build.mk makes them). */
export type StockProgram = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-proxy'

const directory = fileURLToPath(new URL('../../build/stock/', import.meta.url))

/**
 * The path of a stock program.
 * @throws Error when it was not built: a test that needs it fails, and never passes by being left out.
 */
export function stockProgram(name: StockProgram): string {
  const path = directory + name
  try {
    accessSync(path, constants.X_OK)
  } catch {
    throw new Error(`${path} is missing: run \`make stock\` (needs Go; takes some minutes, once)`)
  }
  return path
}
