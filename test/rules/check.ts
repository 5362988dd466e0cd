/** `make check`: every rule that a source or a test cites exists. Sources are the arguments. */
import { readFileSync } from 'node:fs'
import { idsOf, readScope, readSections } from './catalogue.ts'
import { Citations } from './citation.ts'

const ids = idsOf(readSections())
readScope(ids)
const citations = new Citations(ids)
for (const file of process.argv.slice(2)) {
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      for (const id of citations.in(line).unknown) {
        process.stderr.write(`${file}:${index + 1}: ${id} is no rule of test/rules/rules.yaml\n`)
        process.exitCode = 1
      }
    })
}
