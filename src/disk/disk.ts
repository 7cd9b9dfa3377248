/** Disk: a machine's encrypted volumes: made, opened, mounted, rotated and closed, with keys that somebody hands in. */

export { RECOVERY } from "../adapters/luks/luks.ts";
export { type Closed, type CloseOptions, closeVolume } from "./close.ts";
export {
  type EscrowParts,
  escrowVolume,
  isRecoveryDue,
  type KeptRecovery,
  type RecoveryKey,
} from "./escrow.ts";
export type { DiskHost, VolumeKey } from "./host.ts";
export {
  type InitramfsFile,
  type InitramfsSettings,
  type InitramfsTool,
  type InstalledProgram,
  initramfsCommand,
  initramfsCrypttab,
  initramfsFiles,
  initramfsTools,
  isUnchanged,
} from "./initramfs.ts";
export { type OpenedVolume, openVolume } from "./open.ts";
export { findOpener } from "./opener.ts";
export { type PreflightFiles, type PreflightLine, preflight } from "./preflight.ts";
export { type Reencrypted, type ReencryptParts, reencryptVolume } from "./reencrypt.ts";
export { copySealedHeader, type Rotated, type RotateParts, rotateVolume } from "./rotate.ts";
export { cryptUnit } from "./take-over.ts";
export { planRemoval, planUnits, type UnitChange, type UnitPlaces } from "./unit-plan.ts";
export { type UnitFile, unitFiles, unitsToEnable, unitsToStart } from "./units.ts";
