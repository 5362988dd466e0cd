import { type Command, Option } from 'commander'
import { type FlagTexts, parseBool } from '../config/flag-values.ts'
import { type Flag, KPROXY_FLAGS, KUBE_PROXY_FLAGS, OTHER_FLAGS } from '../config/flags.ts'
import { CommandError, ExitCode } from './exit-code.ts'

/** Flags of `kproxy run` that say what to do; all others are settings. */
export interface RunFlags {
  readonly config: string | undefined
  readonly writeConfigTo: string | undefined
  readonly cleanup: boolean
  readonly initOnly: boolean
  readonly version: boolean
  /** The texts of all settings. */
  readonly settings: FlagTexts
}

const NODE_NAME: Omit<Flag, 'path'> = {
  name: 'node-name',
  kind: 'text',
  value: '<name>',
  help: 'the same as --hostname-override (default: $NODE_NAME, or the host name)',
}

const OURS = [NODE_NAME, ...KPROXY_FLAGS]
const THEIRS = [...KUBE_PROXY_FLAGS, ...OTHER_FLAGS]
const settings = new Set([...OURS, ...THEIRS].map(({ name }) => name))

/** Adds the flags that set something: those of kube-proxy and our own. */
export function addSettings(command: Command): Command {
  const ours = 'Settings:'
  const theirs = 'Settings of kube-proxy (those that --config says as well do not count beside it):'
  command.addOption(
    new Option('--config <file>', 'configuration file, as kube-proxy has it').helpGroup(ours),
  )
  for (const flag of OURS) command.addOption(toOption(flag, ours))
  for (const flag of THEIRS) command.addOption(toOption(flag, theirs))
  return command
}

/** Adds the flags of kube-proxy that make it do something else and end. */
export function addActions(command: Command): Command {
  const heading = 'Instead of running:'
  const add = (flags: string, help: string) =>
    command.addOption(new Option(flags, help).helpGroup(heading))
  add('--write-config-to <file>', 'write the configuration with all defaults to a file and end')
  add('--cleanup [bool]', 'remove everything that kproxy put on this node and end')
  add('--init-only [bool]', 'do what needs privileges (sysctls, programs, pins) and end')
  add('--version [raw]', 'print the version and end')
  return command
}

function toOption({ name, value, help }: Omit<Flag, 'path'>, group: string): Option {
  const flags = `${name === 'v' ? '-v, ' : ''}--${name} ${value ?? '[bool]'}`
  // Go's flags take "-v=2" as well.
  const clean = (text: string) => (name === 'v' ? text.replace(/^=/, '') : text)
  return new Option(flags, help)
    .helpGroup(group)
    .argParser((text: string, earlier: readonly string[] | true | undefined) => [
      ...textsOf(earlier),
      clean(text),
    ])
}

/** A bool without a value is `true` to the parser. */
function textsOf(value: unknown): readonly string[] {
  if (value === true) return ['true']
  return Array.isArray(value) ? value : []
}

/** The texts of the settings that a command was given. */
export function settingsOf(command: Command): FlagTexts {
  const texts: Record<string, readonly string[]> = {}
  for (const option of command.options) {
    if (!settings.has(option.name())) continue
    const given = textsOf(command.getOptionValue(option.attributeName()))
    if (given.length > 0) texts[option.name()] = given
  }
  return texts
}

/** What `kproxy run` was asked to do. */
export function runFlagsOf(command: Command): RunFlags {
  const { config, writeConfigTo, cleanup, initOnly, version } = command.opts()
  return {
    // Empty is as good as absent, as in kube-proxy.
    config: config || undefined,
    writeConfigTo: writeConfigTo || undefined,
    cleanup: isOn('--cleanup', cleanup),
    initOnly: isOn('--init-only', initOnly),
    version: version !== undefined && version !== 'false',
    settings: settingsOf(command),
  }
}

function isOn(flag: string, text: string | true | undefined): boolean {
  if (text === undefined || text === true) return text === true
  const value = parseBool(text)
  if (value !== undefined) return value
  throw new CommandError(ExitCode.usage, `${flag} is "${text}": write true or false`)
}
