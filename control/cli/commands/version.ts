import { VERSION } from '../../version.ts'
import { type Output, printDocument, printLines } from '../output.ts'

/** `kproxy version` */
export function version(options: { readonly output: Output }): void {
  const body = {
    version: VERSION,
    node: process.version,
    platform: process.platform,
    arch: process.arch,
  }
  if (printDocument(options.output, 'Version', body)) return
  printLines(`kproxy ${VERSION} (Node ${process.version}, ${process.platform}-${process.arch})`)
}
