/** Values that commands without a configuration use as well. */
export const DEFAULT_SOCKET = '/run/kproxy/kproxy.sock'
export const DEFAULT_BPFFS = '/sys/fs/bpf'
