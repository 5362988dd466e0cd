import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigFollower } from '../../../control/cli/config-follower.ts'
import { ConfigFile, readConfigFile } from '../../../control/config/config-file.ts'
import { loadConfiguration } from '../../../control/config/load.ts'
import { ConfigError } from '../../../control/config/problem.ts'
import { quietLog } from '../source/recorder.ts'
import { HEAD, inForce } from './configure.ts'

let directory: string
let path: string
const stops: (() => void)[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kproxy-config-'))
  path = join(directory, 'config.conf')
})

afterEach(() => {
  for (const stop of stops.splice(0)) stop()
  rmSync(directory, { recursive: true, force: true })
})

async function watch(): Promise<string[]> {
  const seen: string[] = []
  const text = readConfigFile(path)
  const file = await ConfigFile.watch(path, text, quietLog, async (newer) => {
    seen.push(newer)
  })
  stops.push(() => file.stop())
  return seen
}

describe('the configuration file is followed', () => {
  it('when it is written, or another is renamed into its place (CF-10)', async () => {
    writeFileSync(path, 'a')
    const seen = await watch()
    writeFileSync(path, 'b')
    await expect.poll(() => seen).toEqual(['b'])
    writeFileSync(`${path}.new`, 'c')
    renameSync(`${path}.new`, path)
    await expect.poll(() => seen).toEqual(['b', 'c'])
  })

  it('when a ConfigMap volume swaps its link (CF-11)', async () => {
    for (const [version, text] of ['a', 'b'].entries()) {
      mkdirSync(join(directory, `..v${version}`))
      writeFileSync(join(directory, `..v${version}`, 'config.conf'), text)
    }
    symlinkSync('..v0', join(directory, '..data'))
    symlinkSync('..data/config.conf', path)
    const seen = await watch()
    symlinkSync('..v1', join(directory, '..data_tmp'))
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
    await expect.poll(() => seen).toEqual(['b'])
  })

  it('but not when it goes away, nor when it comes back as it was (CF-10)', async () => {
    writeFileSync(path, 'a')
    const seen = await watch()
    rmSync(path)
    await new Promise((resolve) => setTimeout(resolve, 50))
    writeFileSync(path, 'a')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(seen).toEqual([])
    writeFileSync(path, 'b')
    await expect.poll(() => seen).toEqual(['b'])
  })

  it('and one that is missing at the start is named', () => {
    expect(() => readConfigFile(path)).toThrow(ConfigError)
    expect(() => readConfigFile(path)).toThrow(
      /config\.conf: the file cannot be read: ENOENT.*; give the path of a configuration file/,
    )
  })
})

describe('what changed content does to a running agent', () => {
  async function follow(text: string): Promise<{ follower: ConfigFollower; ends: () => number }> {
    writeFileSync(path, text)
    const loaded = await loadConfiguration(path, { 'node-name': ['n1'] })
    const effective = inForce(loaded.configuration)
    const follower = new ConfigFollower(path, { ...loaded, effective }, quietLog)
    let ends = 0
    await follower.start(() => ends++)
    stops.push(() => follower.stop())
    return { follower, ends: () => ends }
  }

  it('what cannot be used is refused, and said in the status; the agent goes on (CF-10)', async () => {
    const { follower, ends } = await follow(HEAD)
    expect(follower.status()).toMatchObject({ file: path, refused: [] })
    writeFileSync(path, `${HEAD}conntrack: {min: -1}\nmode: fast\n`)
    await expect
      .poll(() => follower.status().refused)
      .toEqual([
        `${path}:3:13: conntrack.min is -1: write a whole number of at least 0`,
        `${path}:4:1: mode is "fast": write "", ebpf, iptables, ipvs or nftables`,
      ])
    expect(ends()).toBe(0)
    writeFileSync(path, `${HEAD}# well again\n`)
    await expect.poll(() => follower.status().refused).toEqual([])
    expect(ends()).toBe(0)
  })

  it('what means the same changes nothing', async () => {
    const { follower, ends } = await follow(HEAD)
    writeFileSync(path, 'kind: [')
    await expect.poll(() => follower.status().refused).toHaveLength(1)
    writeFileSync(path, `${HEAD}clusterCIDR: ""\n# and a comment\n`)
    await expect.poll(() => follower.status().refused).toEqual([])
    expect(ends()).toBe(0)
  })

  it('what means something else ends the agent, to be started again (CF-10)', async () => {
    const { ends } = await follow(HEAD)
    writeFileSync(path, `${HEAD}clusterCIDR: 10.0.0.0/8\n`)
    await expect.poll(ends).toBe(1)
  })

  it('without a file there is nothing to follow', async () => {
    const loaded = await loadConfiguration(undefined, {})
    const effective = inForce(loaded.configuration)
    const follower = new ConfigFollower(undefined, { ...loaded, effective }, quietLog)
    await follower.start(() => {})
    expect(follower.status()).toMatchObject({ file: null, refused: [] })
  })
})
