// Backups of a data folder: one moment of log, state and lake, copied while the server goes on, and put back. This is the folder's face.

export { type BackedUp, backUp, type BackupOptions, type BackupStep } from "./backup.ts";
export { restore, type Restored, type RestoreOptions, type RestoreStep } from "./restore.ts";
export { type Damage, readSheet, SHEET, type Sheet } from "./sheet.ts";
