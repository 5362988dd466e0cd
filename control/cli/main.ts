import { Command, CommanderError, Option } from 'commander'
import { DEFAULT_BPFFS, DEFAULT_SOCKET } from '../config/standard.ts'
import { CommandError, ExitCode } from './exit-code.ts'
import { outputOption } from './output-option.ts'
import { addActions, addSettings, runFlagsOf, settingsOf } from './run-flags.ts'

const program = new Command('kproxy')
  .description('Service proxy for Kubernetes nodes: eBPF in place of kube-proxy.')
  .helpCommand(false)
  .showHelpAfterError('(kproxy --help lists the commands and flags)')
  .showSuggestionAfterError()
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit status:
  0  done; status: healthy           3  degraded: works, but worse than it should
  1  failed; status: unhealthy       4  no agent answers on the socket
  2  wrong flags, arguments or files

Examples:
  kproxy run --manifests examples/ --node-name n1     serve Services from YAML files
  kproxy run --kubeconfig ~/.kube/config              serve those of a cluster
  kproxy run --config kube-proxy.conf                 as kube-proxy would be configured
  kproxy status                                       is this node well?
  kproxy svc default/web                              one Service and its endpoints`,
  )

const socketOption = () =>
  new Option('--socket <path>', 'unix socket of the agent')
    .env('KPROXY_SOCKET')
    .default(DEFAULT_SOCKET)
const nodeNameOption = () =>
  new Option('--node-name <name>', 'name of this Node object (default: the host name)').env(
    'NODE_NAME',
  )
const pinDirOption = () =>
  new Option('--pin-dir <dir>', 'bpffs directory of this node (default: BPFFS/kproxy/NODE)')
const cgroupOption = () =>
  new Option(
    '--cgroup <dir>',
    "cgroup v2 directory that holds all of this node's processes (default: the mount)",
  )
const bpffsOption = () =>
  new Option('--bpffs <dir>', 'mount point of the BPF file system').default(DEFAULT_BPFFS)

const runCommand = program
  .command('run')
  .summary('run the agent of this node')
  .description(
    `Run the agent: follow Services and EndpointSlices and program this node's kernel.

Settings come from --config and from flags; "kproxy config print" shows them.
Objects come from --manifests, a kubeconfig, or the pod's own service account.
Kernel state is pinned: when the agent ends, for whatever reason, traffic goes on; only
"kproxy cleanup" removes it.`,
  )
  .addHelpText(
    'after',
    `
A flag of kube-proxy that has no effect here is accepted all the same; a notice says why.`,
  )
addActions(addSettings(runCommand)).action(async (_, command: Command) =>
  (await import('./commands/run.ts')).run(runFlagsOf(command)),
)

const config = program
  .command('config')
  .summary('check a configuration file, or print what would be in force')
  .description('Look at configurations, as files and flags of "kproxy run" give them.')

config
  .command('check')
  .summary('say everything that is wrong with a configuration file')
  .description(
    `Check a file of KubeProxyConfiguration, with or without KproxyConfiguration. Problems are
printed one a line. Exit status: 0 good, 2 kproxy would not start, 3 some of it is not heeded.`,
  )
  .argument('<file>', 'the file')
  .addOption(outputOption(['table', 'json', 'yaml']))
  .action(async (file, options) =>
    (await import('./commands/config-check.ts')).configCheck(file, options),
  )

addSettings(
  config
    .command('print')
    .summary('print the effective configuration, and where each value comes from')
    .description(
      `Print what "kproxy run" would use with the same flags: every field, its value, and whether
that is a default or where it is written. YAML can be used as a file for --config.`,
    )
    .addOption(outputOption(['table', 'json', 'yaml'])),
).action(async (options, command: Command) =>
  (await import('./commands/config-print.ts')).configPrint({
    config: options.config || undefined,
    output: options.output,
    settings: settingsOf(command),
  }),
)

program
  .command('status')
  .summary('show how this node is doing')
  .description('Show mode, hooks, maps, streams and trouble. Exit status: see "kproxy --help".')
  .addOption(socketOption())
  .addOption(outputOption(['table', 'wide', 'json', 'yaml']))
  .action(async (options) => (await import('./commands/status.ts')).status(options))

program
  .command('svc')
  .summary('list Services, or show one with its endpoints')
  .argument('[name]', 'Service, as NAME or NAMESPACE/NAME')
  .option('-n, --namespace <namespace>', 'only this namespace (default: all)')
  .option('-A, --all-namespaces', 'all namespaces, the default')
  .option('--no-headers', 'leave the header line out')
  .addOption(socketOption())
  .addOption(outputOption(['table', 'wide', 'json', 'yaml', 'name']))
  .action(async (name, options) => (await import('./commands/svc.ts')).svc(name, options))

program
  .command('dump')
  .summary('print the pinned BPF maps, decoded')
  .description('Print the pinned BPF maps of this node, decoded. Works without an agent.')
  .argument(
    '[map]',
    'services, slots, backends, members, service_stats, backend_stats, reasons or meta',
  )
  .addOption(nodeNameOption())
  .addOption(bpffsOption())
  .addOption(pinDirOption())
  .option('--no-headers', 'leave the header lines out')
  .addOption(outputOption(['table', 'json', 'yaml']))
  .action(async (map, options) => (await import('./commands/dump.ts')).dump(map, options))

program
  .command('cleanup')
  .summary('remove everything that kproxy put on this node')
  .description(
    `Detach the hooks and remove the pinned programs, links and maps of this node, and nothing else.
New connections to Service addresses fail afterwards; established ones go on. Refuses while an
agent runs.`,
  )
  .addOption(nodeNameOption())
  .addOption(cgroupOption())
  .addOption(bpffsOption())
  .addOption(pinDirOption())
  .addOption(outputOption(['table', 'json', 'yaml']))
  .action(async (options) => (await import('./commands/cleanup.ts')).cleanup(options))

program
  .command('version')
  .summary('print the version')
  .addOption(outputOption(['table', 'json', 'yaml']))
  .action(async (options) => (await import('./commands/version.ts')).version(options))

async function main(): Promise<void> {
  try {
    await program.parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
      return
    }
    process.exitCode = error instanceof CommandError ? error.exitCode : ExitCode.failure
    process.stderr.write(`error: ${describe(error)}\n`)
  }
}

/** One sentence where the system refused something; the whole stack of what should not happen. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof CommandError) return error.message
  const code = 'code' in error ? error.code : undefined
  if (code === 'EPERM' || code === 'EACCES') return `${error.message}; run kproxy as root`
  const isOfSystem = typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)
  return isOfSystem ? error.message : (error.stack ?? error.message)
}

await main()
