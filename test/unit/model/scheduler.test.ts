import { describe, expect, it } from 'vitest'
import { SCHEDULERS } from '../../../control/model/scheduler.ts'
import { annotated, modelOf, modelWith, only, problemsOf, service, set } from './build.ts'

const asking = (name: string) => annotated(service('web'), { 'kproxy.dev/scheduler': name })

describe('the scheduler of a Service', () => {
  it('is random (TR-3), or what the cluster says', () => {
    expect(only(service('web')).scheduler).toBe('random')
    const [change] = modelWith({ scheduler: 'lc' }, service('web')).take()
    expect(change).toMatchObject({ port: { scheduler: 'lc' } })
  })

  it.each(SCHEDULERS)('is %s where its annotation says so', (name) => {
    const [change] = modelWith({ scheduler: 'rr' }, asking(name)).take()
    expect(change).toMatchObject({ port: { scheduler: name } })
  })

  it.each(['RR', 'lblc', 'toString'])('is not "%s", which is complained of', (name) => {
    const model = modelWith({ scheduler: 'rr' }, asking(name))
    expect(model.take()).toMatchObject([{ port: { scheduler: 'rr' } }])
    expect(problemsOf(model)).toEqual([
      `Service default/web: annotation kproxy.dev/scheduler is "${name}"; write one of random, rr, ` +
        'wrr, lc, wlc, sed, nq, sh, dh, mh; rr is used meanwhile',
    ])
  })

  it('changes while it runs, and an empty annotation is none', () => {
    const model = modelOf(asking('sh'))
    model.take()
    model.apply(set(asking('dh')))
    expect(model.take()).toMatchObject([{ port: { scheduler: 'dh' } }])
    model.apply(set(asking('')))
    expect(model.take()).toMatchObject([{ port: { scheduler: 'random' } }])
    expect(model.problems()).toEqual([])
  })
})
