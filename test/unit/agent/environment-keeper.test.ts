import { describe, expect, it } from 'vitest'
import { EnvironmentKeeper } from '../../../control/agent/environment-keeper.ts'
import type { Environment, Mode } from '../../../control/mode/mode.ts'
import { Model } from '../../../control/model/model.ts'
import { node, remove, service, set } from '../model/build.ts'

const LOCAL = {
  mode: 'NodeCIDR',
  clusterCIDR: '',
  bridgeInterface: '',
  interfaceNamePrefix: '',
} as const

function parts() {
  const model = new Model({ nodeName: 'n1' })
  const taken: Environment[] = []
  const control = { fails: false }
  const mode = {
    async adapt(environment: Environment) {
      if (control.fails) throw new Error('EIO')
      taken.push(environment)
    },
  } as unknown as Mode
  return { model, taken, control, keeper: new EnvironmentKeeper(model, mode, LOCAL) }
}

const web = service('web', { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] })

describe('EnvironmentKeeper', () => {
  it('tells the mode once, and again when ClusterIPs change (TR-60)', async () => {
    const { model, taken, keeper } = parts()
    expect(keeper.isPending).toBe(true)
    await keeper.apply(true)
    expect(keeper.isPending).toBe(false)
    await keeper.apply(true)
    expect(taken).toHaveLength(1)
    model.apply(set(web))
    expect(keeper.isPending).toBe(true)
    await keeper.apply(true)
    expect(taken.at(-1)?.guards.added).toEqual(['10.96.0.7'])
  })

  it('repeats what failed, together with what came since', async () => {
    const { model, taken, control, keeper } = parts()
    control.fails = true
    model.apply(set(web))
    await expect(keeper.apply(false)).rejects.toThrow('EIO')
    control.fails = false
    model.apply(remove(web))
    await keeper.apply(false)
    expect(taken.at(-1)?.guards).toEqual({
      added: [],
      removed: ['10.96.0.7'],
      serviceCIDRs: undefined,
    })
  })

  it('sees whether pods can be told, by the podCIDRs of the Node (TR-11, TR-50)', async () => {
    const { model, taken, keeper } = parts()
    await keeper.apply(true)
    expect(taken.at(-1)?.detectsLocal).toEqual({ 4: false, 6: false })
    model.apply(set(node(undefined, 'n1', { podCIDRs: ['10.244.1.0/24'] })))
    expect(keeper.isPending).toBe(true)
    await keeper.apply(true)
    expect(taken.at(-1)?.detectsLocal).toEqual({ 4: true, 6: false })
  })

  it('keeps what a Node had that is deleted (IN-51)', async () => {
    const { model, taken, keeper } = parts()
    const addresses = [{ type: 'InternalIP', address: '192.0.2.1' }]
    const object = node('a', 'n1', { podCIDRs: ['10.244.1.0/24'], addresses })
    model.apply(set(object))
    await keeper.apply(true)
    model.apply(remove(object))
    await keeper.apply(true)
    expect(taken).toHaveLength(1)
    expect(taken[0]).toMatchObject({ nodeIPs: { 4: '192.0.2.1' }, detectsLocal: { 4: true } })
  })

  it('tells when everything has become known (IN-4)', async () => {
    const { taken, keeper } = parts()
    await keeper.apply(false)
    await keeper.apply(true)
    expect(taken).toHaveLength(2)
  })
})
