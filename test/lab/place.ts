import { Child, type ExecOptions, type Exit, run, type SpawnOptions } from './process.ts'

export interface Addresses {
  readonly ipv4: string
  readonly ipv6: string
}

export interface PlaceOptions {
  readonly name: string
  readonly addresses: Addresses
  /** The cgroup's directory, as seen from outside the laboratory. */
  readonly cgroup: string
  /** Pid of the process that holds the mount, cgroup and host name namespaces. */
  readonly holder: number
  /** Path of the network namespace, as seen from outside the laboratory. */
  readonly netns: string
}

/** Somewhere to run programs: a machine or a pod. */
export class Place {
  readonly name: string
  readonly addresses: Addresses
  readonly cgroup: string
  readonly holder: number
  readonly netns: string

  constructor(options: PlaceOptions) {
    this.name = options.name
    this.addresses = options.addresses
    this.cgroup = options.cgroup
    this.holder = options.holder
    this.netns = options.netns
  }

  /**
   * The command line that runs `argv` here: a shell enters the cgroup, then the namespaces, then
   * becomes the command, all in one process.
   */
  command(argv: readonly string[], cwd = process.cwd()): string[] {
    return [
      ...['sh', '-c', 'echo 0 >"$0/cgroup.procs" && exec nsenter "$@"', this.cgroup],
      ...[`--net=${this.netns}`, `--target=${this.holder}`, '--mount', '--cgroup', '--uts'],
      ...[`--wdns=${cwd}`, '--', ...argv],
    ]
  }

  /** Runs a command to its end. @throws Error with its stderr when it fails, unless `check: false` */
  exec(argv: readonly string[], options: ExecOptions = {}): Promise<Exit> {
    return run(this.command(argv, options.cwd), [`${this.name}:`, ...argv], {
      ...options,
      cwd: '/',
    })
  }

  /** Starts a command; await `ready` of the result. The laboratory's end is the command's end. */
  spawn(argv: readonly string[], options: SpawnOptions = {}): Child {
    return new Child(this.command(argv, options.cwd), [`${this.name}:`, ...argv], {
      ...options,
      cwd: '/',
    })
  }
}
