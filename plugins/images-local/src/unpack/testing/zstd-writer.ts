/** zstd data without compression: one frame of raw blocks. */
export function zstdOf(bytes: Uint8Array, blockBytes = 1000): Buffer {
  // A window of 1 MiB, no size, no checksum.
  const parts: Buffer[] = [Buffer.from('28b52ffd0050', 'hex')];
  for (let at = 0; at === 0 || at < bytes.length; at += blockBytes) {
    const piece = bytes.subarray(at, at + blockBytes);
    const head = Buffer.alloc(3);
    head.writeUIntLE((piece.length << 3) | (at + blockBytes >= bytes.length ? 1 : 0), 0, 3);
    parts.push(head, Buffer.from(piece));
  }
  return Buffer.concat(parts);
}
