/**
 * `make demo`: two nodes, an agent on each, real traffic. Every line with a tick was checked; the
 * first thing that is not as it should be ends the demonstration with exit status 1.
 */
import { keep } from './demo/keep.ts'
import { heading, must, step, transcript } from './demo/report.ts'
import { Stage } from './demo/stage.ts'
import { scale, visitServices } from './demo/traffic.ts'
import { kproxy } from './index.ts'

async function show(stage: Stage): Promise<void> {
  const node = stage.lab.node('n1')
  heading('What the agent of n1 says')
  for (const command of [['status'], ['svc', '-o', 'wide'], ['svc', 'default/web']]) {
    const exit = await kproxy(node, ...command)
    transcript(node.name, `kproxy ${command.join(' ')}`, exit.stdout + exit.stderr)
    must(exit.code === 0, `kproxy ${command.join(' ')} ended with ${exit.code}`)
  }
}

async function play(stage: Stage): Promise<void> {
  await step('servers', async () => `${await stage.serve()}, each answers with its pod's name`)
  await step('kproxy', async () => {
    const start = performance.now()
    await stage.startAgents()
    return `an agent on each node, everything programmed after ${seconds(start)}`
  })
  await visitServices(stage)
  await scale(stage)
  await show(stage)
}

async function demonstrate(): Promise<void> {
  const keeping = (process.env.KEEP ?? '') !== ''
  const start = performance.now()
  heading('Building the stage')
  let stage: Stage | undefined
  await step('nodes and pods', async () => {
    stage = await Stage.build(keeping)
    const count = stage.lab.nodes.reduce((sum, node) => sum + node.pods.size, 0)
    return `${stage.lab.nodes.length} nodes, ${count} pods in network namespaces, ${seconds(start)}`
  })
  must(stage !== undefined, 'there is no stage')
  try {
    await play(stage)
  } catch (error) {
    console.error(`\nerror: ${(error as Error).message}\n${stage.logTails()}`)
    await stage.destroy()
    process.exitCode = 1
    return
  }
  if (keeping) {
    await keep(stage)
    process.exit() // not waiting for servers and agents, which go on
  }
  console.log()
  await step('taken down', async () => {
    await stage?.destroy()
    return `nothing is left; ${seconds(start)} in all`
  })
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(2)} s`
}

if (process.argv[2] === '--stop') {
  console.log((await Stage.stopKept()).trim() || 'No demonstration was running.')
} else {
  await demonstrate().catch((error: Error) => {
    console.error(`\nerror: ${error.message}`)
    process.exitCode = 1
  })
}
