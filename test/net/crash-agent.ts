/**
 * The kproxy command, dying by its own hand between two map writes.
 *
 * Runs the command from its sources with every map write counted: rows of batches and slots of
 * stores one by one, so that there is a gap to die in between any two of them. After SIGUSR2 (and
 * the line "armed"), or from the start where CRASH_AT_START is set, the process kills itself with
 * SIGKILL just before write number CRASH_AT.
 */
import { BpfMap, MappedArray } from '#addon'

const crashAt = Number(process.env.CRASH_AT)
let writes = 0
let armed = process.env.CRASH_AT_START !== undefined

process.on('SIGUSR2', () => {
  armed = true
  console.log('armed')
})

function beforeWrite(): void {
  if (!armed) return
  writes += 1
  if (writes === crashAt) process.kill(process.pid, 'SIGKILL')
}

const { update, delete: remove } = BpfMap.prototype
const { store } = MappedArray.prototype

BpfMap.prototype.update = function (key, value, mode) {
  beforeWrite()
  update.call(this, key, value, mode)
}

BpfMap.prototype.delete = function (key) {
  beforeWrite()
  return remove.call(this, key)
}

BpfMap.prototype.updateBatch = async function (keys, values) {
  const { keySize } = this.info
  const count = keys.length / keySize
  const valueSize = values.length / count
  for (let row = 0; row < count; row++) {
    this.update(
      keys.subarray(row * keySize, (row + 1) * keySize),
      values.subarray(row * valueSize, (row + 1) * valueSize),
    )
  }
}

BpfMap.prototype.deleteBatch = async function (keys) {
  const { keySize } = this.info
  let deleted = 0
  for (let offset = 0; offset < keys.length; offset += keySize) {
    if (this.delete(keys.subarray(offset, offset + keySize))) deleted += 1
  }
  return deleted
}

MappedArray.prototype.store = function (index, bytes) {
  const { stride } = this
  for (let offset = 0; offset < bytes.length; offset += stride) {
    beforeWrite()
    store.call(this, index + offset / stride, bytes.subarray(offset, offset + stride))
  }
}

await import('../../control/cli/main.ts')
