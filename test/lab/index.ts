/** The laboratory: nodes, pods, clients and servers for tests, benchmarks and the demonstration. */
export * from './http.ts'
export * from './kproxy.ts'
export { Lab, type LabOptions, type NodeOptions } from './lab.ts'
export { type LabNode, type Machine, Pod } from './machine.ts'
export * from './manifests.ts'
export * from './peer.ts'
export { type Addresses, Place } from './place.ts'
export type { Child, ExecOptions, Exit, SpawnOptions } from './process.ts'
