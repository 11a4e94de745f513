/** D1 errors carry no code: the constraint's name stands in the text (platform notes §1.4). */
export function isConstraintError(error: unknown): boolean {
  return error instanceof Error && /SQLITE_CONSTRAINT/.test(error.message);
}
