/** Builds a laboratory with a server in it, says where, and waits to be killed. */
import { Lab, serve } from '../lab/index.ts'

const lab = await Lab.create({ nodes: [{ name: 'n1', pods: ['web'] }] })
await serve(lab.node('n1').pod('web'), { ports: [80] })
console.log(JSON.stringify({ cgroup: lab.cgroup, guard: lab.guardPid }))
setInterval(() => {}, 1000)
