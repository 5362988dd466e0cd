import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { styleText } from 'node:util'
import { kproxyProgram, type Place } from '../index.ts'
import type { Stage } from './stage.ts'

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** Writes a command that runs its arguments, or a shell, at that place. */
function writeEntrance(directory: string, place: Place): void {
  const enter = place.command([], '/').map(quote).join(' ')
  const text = `#!/bin/sh
# Runs a command, or a shell, on ${place.name}.
export PATH=${quote(dirname(kproxyProgram))}:"$PATH" PS1='${place.name}# '
[ $# -gt 0 ] || set -- sh
exec ${enter} "$@"
`
  writeFileSync(join(directory, place.name), text, { mode: 0o755 })
}

/** Lets the stage outlive this process, and says how to look around. */
export async function keep(stage: Stage): Promise<void> {
  for (const node of stage.lab.nodes) {
    writeEntrance(stage.directory, node)
    for (const pod of node.pods.values()) writeEntrance(stage.directory, pod)
  }
  await stage.lab.keep()
  console.log(`
${styleText('bold', 'It is still running.')} Each node and pod has a command in build/demo, which runs a shell there:

  build/demo/n1 kproxy status -o wide      the agent of node n1
  build/demo/n1 kproxy svc default/web     a Service and its endpoints
  build/demo/n1 kproxy dump services       what the kernel sees
  build/demo/client                        a shell in a pod of n1, and a connection from there:
  build/demo/client bash -c 'head -1 </dev/tcp/10.96.0.10/80'
  $EDITOR build/demo/manifests/web.yaml    change a Service; n1.log says what came of it
  make demo-stop                           end it
`)
}
