export { type CleanupOptions, type CleanupReport, cleanup } from './cleanup.ts'
export { EbpfMode, type EbpfModeOptions } from './ebpf-mode.ts'
export { PreflightError, type PreflightReason } from './preflight.ts'
