/** The first and the last moment that RFC 3339 has a text for. */
const earliestMs = -62_167_219_200_000;
const latestMs = 253_402_300_799_999;

/**
 * ms since the epoch as metav1.Time: `2026-01-02T03:04:05Z`. Never throws: what RFC 3339 cannot say becomes the nearest that it can,
 * NaN the epoch.
 */
export function timestampOf(ms: number): string {
  const time = Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, earliestMs), latestMs);
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
