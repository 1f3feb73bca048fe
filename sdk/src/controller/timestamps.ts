/** An RFC 3339 time of an object as ms since the epoch; undefined when absent or malformed. */
export function timestampMs(text: string | undefined | null): number | undefined {
  // Parsing reads no clock.
  // oxlint-disable-next-line no-restricted-globals
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}
