/** metav1.Time: RFC 3339 with whole seconds. */
export function rfc3339Seconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** metav1.MicroTime: RFC 3339 with six decimals. */
export function rfc3339Micros(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}
