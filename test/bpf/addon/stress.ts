/**
 * Run by lifetime.test.ts in a process of its own with --expose-gc: 100,000 operations with the
 * garbage collector running in between, handles and buffers dropped with work under way.
 */
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { BpfMap, BpfObject } from '#addon'
import { objectPath, range, u32, u64 } from './fixture.ts'

const collect = globalThis.gc
if (collect === undefined) throw new Error('run with --expose-gc')
const descriptors = () => readdirSync('/proc/self/fd').length
const settle = async () => {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise(setImmediate)
  }
}

const [pin = ''] = process.argv.slice(2)
BpfObject.load(objectPath('maps'), { pins: { large_hash: pin } }).close()
await settle()
const before = descriptors()

let operations = 0
const ids = range(500, 1000)
for (let round = 0; round < 110; round++) {
  const map = BpfMap.openPinned(pin)
  for (let key = 0; key < 330; key++, operations += 3) {
    map.update(u32(key), u64(round))
    if (map.lookup(u32(key))?.[0] !== round) throw new Error(`round ${round}: key ${key} is lost`)
    map.delete(u32(key))
  }
  const keys = u32(...ids)
  const values = u64(...ids)
  const jobs = [map.updateBatch(keys, values), map.entries(), map.deleteBatch(keys)]
  operations += jobs.length
  ;(keys.buffer as ArrayBuffer).transfer(1)
  if (round % 2 === 0) map.close()
  if (round % 4 === 0) collect()
  if (round % 3 === 0) await Promise.all(jobs)
  // Otherwise nobody holds the handle, the buffers or the promises any more.
}
for (let round = 0; round < 20; round++) {
  BpfObject.load(objectPath('maps')).map('mapped').mmap().store(0, new Uint8Array(24))
}

/** A thread of its own ends with a batch under way. */
for (let round = 0; round < 5; round++) {
  const source = `
    import { BpfMap } from ${JSON.stringify(import.meta.resolve('#addon'))}
    const map = BpfMap.openPinned(${JSON.stringify(pin)})
    const { parentPort } = await import('node:worker_threads')
    for (let i = 0; i < 50; i++) map.entries()
    parentPort.postMessage('busy')
  `
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
  await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  await worker.terminate()
}

await settle()
console.log(JSON.stringify({ operations, leaked: descriptors() - before }))
