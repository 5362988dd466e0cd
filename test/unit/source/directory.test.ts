import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDirectorySource } from '../../../control/source/directory/index.ts'
import { SourceConfigError } from '../../../control/source/source-error.ts'
import { quietLog, Recorder } from './recorder.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kproxy-directory-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const service = (name: string, clusterIP = '10.96.0.1', more = '') => `apiVersion: v1
kind: Service
metadata: { name: ${name}${more} }
spec:
  clusterIP: ${clusterIP}
  ports:
    - port: 80
`

const write = (file: string, text: string) => writeFileSync(join(directory, file), text)

function replace(file: string, text: string): void {
  write(`.${file}.draft`, text)
  renameSync(join(directory, `.${file}.draft`), join(directory, file))
}

function start(): Promise<Recorder> {
  return Recorder.start(createDirectorySource({ directory, nodeName: 'n1', log: quietLog }))
}

describe('a directory of manifests', () => {
  it('delivers Services, EndpointSlices and its own Node, then says that each list is complete', async () => {
    write(
      'all.yaml',
      `${service('web')}---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ port: 8080 }]
endpoints: [{ addresses: [10.0.0.1], nodeName: n1 }]
---
apiVersion: v1
kind: Node
metadata: { name: n1 }
---
apiVersion: v1
kind: Node
metadata: { name: n2 }
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: { name: kubernetes }
spec: { cidrs: [10.96.0.0/16, 'fd00:10:96::/112'] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: other }
`,
    )
    const recorder = await start()
    await recorder.synced()
    expect(recorder.story).toEqual([
      'set Service default/web',
      'set EndpointSlice default/web-1',
      'set Node n1',
      'set ServiceCIDR kubernetes',
      'synced Service',
      'synced EndpointSlice',
      'synced Node',
      'synced ServiceCIDR',
    ])
    expect(recorder.object('ServiceCIDR kubernetes')).toMatchObject({
      cidrs: ['10.96.0.0/16', 'fd00:10:96::/112'],
    })
    expect(recorder.object('EndpointSlice default/web-1')).toMatchObject({
      metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
      ports: [{ name: '', protocol: 'TCP', port: 8080 }],
      endpoints: [{ address: '10.0.0.1', ready: true, serving: true, terminating: false }],
    })
  })

  it('reads .yml, .json and kind: List, and nothing else', async () => {
    write('a.yml', service('a'))
    write(
      'b.json',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'b' } }],
      }),
    )
    write(
      'c.yaml',
      'apiVersion: v1\nkind: ServiceList\nitems: [{ metadata: { name: c, namespace: ns } }]\n',
    )
    write('d.txt', service('d'))
    write('.e.yaml', service('e'))
    mkdirSync(join(directory, 'f.yaml'))
    const recorder = await start()
    await recorder.synced()
    expect(recorder.story.filter((line) => line.startsWith('set'))).toEqual([
      'set Service default/a',
      'set Service default/b',
      'set Service ns/c',
    ])
    expect(recorder.source.status().rejected).toEqual([])
  })

  it('is synced at once when it is empty (IN-4)', async () => {
    const recorder = await start()
    await recorder.synced()
    expect(recorder.events).toHaveLength(4)
  })

  it('follows files that appear, change and vanish', async () => {
    const recorder = await start()
    await recorder.synced()
    write('web.yaml', service('web'))
    await recorder.until('set Service default/web')
    let seen = recorder.events.length
    replace('web.yaml', service('web', '10.96.0.2'))
    await recorder.until('set Service default/web', seen)
    expect(recorder.object('Service default/web')).toMatchObject({ clusterIP: '10.96.0.2' })
    seen = recorder.events.length
    rmSync(join(directory, 'web.yaml'))
    expect(await recorder.until('delete Service default/web', seen)).toHaveLength(1)
  })

  it('says nothing when a file is rewritten with the same objects', async () => {
    write('web.yaml', service('web'))
    const recorder = await start()
    await recorder.synced()
    replace('web.yaml', `# a comment\n${service('web')}---\n${service('new')}`)
    await recorder.until('set Service default/new')
    expect(recorder.story.filter((line) => line === 'set Service default/web')).toHaveLength(1)
  })

  it('does not delete an object that moves to another file', async () => {
    write('a.yaml', service('web'))
    const recorder = await start()
    await recorder.synced()
    const seen = recorder.events.length
    renameSync(join(directory, 'a.yaml'), join(directory, 'b.yaml'))
    write('marker.yaml', service('marker'))
    expect(await recorder.until('set Service default/marker', seen)).not.toContain(
      'delete Service default/web',
    )
  })

  it('waits for a writer that has not finished', async () => {
    const recorder = await start()
    await recorder.synced()
    const text = service('web')
    write('web.yaml', text.slice(0, 60))
    appendFileSync(join(directory, 'web.yaml'), text.slice(60))
    await recorder.until('set Service default/web')
    expect(recorder.story.filter((line) => line.startsWith('rejected'))).toEqual([])
  })

  it('keeps the objects of a directory that vanishes, and follows it when it is back', async () => {
    write('web.yaml', service('web'))
    const recorder = await start()
    await recorder.synced()
    const seen = recorder.events.length
    renameSync(directory, `${directory}-away`)
    await expect
      .poll(() => recorder.source.status().streams[0])
      .toMatchObject({ state: 'retrying', lastError: expect.stringContaining('ENOENT') })
    expect(recorder.events.length).toBe(seen)
    renameSync(`${directory}-away`, directory)
    write('new.yaml', service('new'))
    expect(await recorder.until('set Service default/new', seen)).toHaveLength(1)
  })

  it('refuses a directory that does not exist, or that is a file', () => {
    const open = (path: string) =>
      createDirectorySource({ directory: path, nodeName: 'n1', log: quietLog })
    expect(() => open(join(directory, 'none'))).toThrow(SourceConfigError)
    expect(() => open(join(directory, 'none'))).toThrow(/none does not exist; create it/)
    write('file', '')
    expect(() => open(join(directory, 'file'))).toThrow(/is not a directory; name the directory/)
  })
})

describe('manifests that are wrong', () => {
  it('reports a syntax error with file, line and column, and keeps the last good content', async () => {
    write('web.yaml', service('web'))
    const recorder = await start()
    await recorder.synced()
    const seen = recorder.events.length
    replace('web.yaml', `${service('other')}---\nkind: [Service\nmetadata: {}\n`)
    const story = await recorder.until(/^rejected/, seen)
    expect(story).toHaveLength(1)
    expect(story[0]).toMatch(/^rejected web\.yaml: web\.yaml:10:1: .*last good content stays/)
    expect(recorder.source.status().rejected).toMatchObject([{ subject: 'web.yaml' }])
    replace('web.yaml', service('web', '10.96.0.9'))
    await recorder.until('set Service default/web', seen)
    expect(recorder.source.status().rejected).toEqual([])
  })

  it('rejects one object by its field and keeps its last good version; others go on', async () => {
    write('web.yaml', service('web'))
    const recorder = await start()
    await recorder.synced()
    const seen = recorder.events.length
    const broken = service('web').replace('port: 80', 'port: http')
    replace('web.yaml', `${broken}---\n${service('new')}`)
    expect(await recorder.until(/^rejected/, seen)).toEqual([
      'set Service default/new',
      'rejected Service default/web: web.yaml:7:13: spec.ports[0].port is "http": write a whole number',
    ])
  })

  it('deletes nothing from a file while one of its documents cannot even be named', async () => {
    write('web.yaml', service('web'))
    const recorder = await start()
    await recorder.synced()
    const seen = recorder.events.length
    replace('web.yaml', service('').replace('{ name:  }', '{}'))
    const story = await recorder.until(/^rejected/, seen)
    expect(story).toEqual([
      'rejected object at web.yaml:1:1: web.yaml:3:11: metadata.name is missing: write a string that is not empty',
    ])
  })

  it('says when what it could not read at first is mended or gone (IN-4)', async () => {
    write('a.yaml', 'kind: [Service\n')
    write('b.yaml', service('b').replace('port: 80', 'port: http'))
    write('c.yaml', `${service('c')}---\n${service('c')}`)
    const recorder = await start()
    await recorder.until('synced ServiceCIDR, but for what is unread')
    let seen = recorder.events.length
    replace('b.yaml', service('b'))
    await recorder.until('set Service default/b', seen)
    expect(recorder.story).not.toContain('synced Service')
    seen = recorder.events.length
    rmSync(join(directory, 'a.yaml'))
    expect(await recorder.until('synced ServiceCIDR', seen)).toHaveLength(4)
    write('d.yaml', 'kind: [Service\n')
    await recorder.until(/^rejected d/)
    expect(recorder.story.at(-1)).toMatch(/^rejected/)
  })

  it('rejects an object written in two files, naming both, and keeps the first', async () => {
    write('a.yaml', service('web', '10.96.0.1'))
    const recorder = await start()
    await recorder.synced()
    const seen = recorder.events.length
    write('b.yaml', `---\n${service('web', '10.96.0.2')}`)
    expect(await recorder.until(/^rejected/, seen)).toEqual([
      'rejected Service default/web: written at a.yaml:1:1 and b.yaml:2:1; a.yaml is used, delete it from the others',
    ])
    rmSync(join(directory, 'a.yaml'))
    await recorder.until('set Service default/web', seen)
    expect(recorder.object('Service default/web')).toMatchObject({ clusterIP: '10.96.0.2' })
    expect(recorder.source.status().rejected).toEqual([])
  })

  it('rejects an object written twice in one file', async () => {
    write('a.yaml', `${service('web')}---\n${service('web', '10.96.0.2')}`)
    const recorder = await start()
    await recorder.synced()
    expect(recorder.source.status().rejected).toEqual([
      {
        subject: 'Service default/web',
        reason: 'a.yaml:9:1: written again; a.yaml:1:1 is used, delete one of them',
      },
    ])
    expect(recorder.object('Service default/web')).toMatchObject({ clusterIP: '10.96.0.1' })
  })

  it('rejects an API version of a known kind that has another shape', async () => {
    write(
      'old.yaml',
      'apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: { name: s }\n',
    )
    write(
      'knative.yaml',
      'apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k}\n',
    )
    const recorder = await start()
    await recorder.until('synced ServiceCIDR, but for what is unread')
    expect(recorder.source.status().rejected).toEqual([
      {
        subject: 'EndpointSlice default/s',
        reason:
          'old.yaml:1:13: apiVersion is "discovery.k8s.io/v1beta1": write discovery.k8s.io/v1',
      },
    ])
  })
})

describe('objects that a proxy does not see', () => {
  it('deletes a Service that gets the label of another proxy, and sets it without (IN-1)', async () => {
    write('web.yaml', service('web'))
    const recorder = await start()
    await recorder.synced()
    let seen = recorder.events.length
    replace(
      'web.yaml',
      service('web', '10.96.0.1', ', labels: { service.kubernetes.io/service-proxy-name: "" }'),
    )
    expect(await recorder.until('delete Service default/web', seen)).toHaveLength(1)
    seen = recorder.events.length
    replace('web.yaml', service('web'))
    await recorder.until('set Service default/web', seen)
  })

  it('hides headless slices (IN-2) and headless Services (IN-3)', async () => {
    write('web.yaml', service('web', 'None'))
    write(
      'slice.yaml',
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n' +
        'metadata: { name: s, labels: { service.kubernetes.io/headless: "" } }\n',
    )
    const recorder = await start()
    await recorder.synced()
    expect(recorder.story).toEqual([
      'synced Service',
      'synced EndpointSlice',
      'synced Node',
      'synced ServiceCIDR',
    ])
  })
})
